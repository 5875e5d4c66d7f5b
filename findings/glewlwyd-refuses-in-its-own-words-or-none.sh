#!/usr/bin/env bash
# Glewlwyd 2.7.5 (Debian bookworm): a token endpoint's refusal is JSON with a code of RFC 6749, section 5.2: 401 or 400
# invalid_client for a wrong secret, 400 unsupported_grant_type, invalid_scope. Here a wrong secret and a request without a
# scope are both 403 without a body, an unknown grant is 400 without one, and a scope that the client does not have is
# "scope_invalid".
# A client cannot tell a wrong secret from a firewall's refusal: its message should name both.
# shellcheck source-path=SCRIPTDIR source=glewlwyd.bash
source "$(dirname "${BASH_SOURCE[0]}")/glewlwyd.bash"

start_glewlwyd
ask() {
    local label=$1
    shift
    curl -s -w "$label: %{http_code} " -o "$work/body" "$url/token" "$@"
    python3 -c 'import json, sys; body = open(sys.argv[1]).read(); print(json.loads(body).get("error", "a token") if body else "no body")' "$work/body"
}
credentials=(-d grant_type=client_credentials -d client_id=c)
judge 'right: 200 a token
wrong secret: 403 no body
no scope: 403 no body
unknown scope: 400 scope_invalid
unknown grant: 400 no body' "$(
    ask right "${credentials[@]}" -d client_secret=secret -d scope=run
    ask 'wrong secret' "${credentials[@]}" -d client_secret=other -d scope=run
    ask 'no scope' "${credentials[@]}" -d client_secret=secret
    ask 'unknown scope' "${credentials[@]}" -d client_secret=secret -d scope=other
    ask 'unknown grant' -d grant_type=urn:example -d client_id=c -d client_secret=secret
)"
