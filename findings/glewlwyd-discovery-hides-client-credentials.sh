#!/usr/bin/env bash
# Glewlwyd 2.7.5 (Debian bookworm): its discovery document names the grant client_credentials as a response type, and as
# grant types always authorization_code and implicit, also where client credentials is the only flow that is on. RFC 8414,
# section 2, has it in grant_types_supported.
# A client should not conclude from that list that it cannot have tokens; the token endpoint says so when it is asked.
# shellcheck source-path=SCRIPTDIR source=glewlwyd.bash
source "$(dirname "${BASH_SOURCE[0]}")/glewlwyd.bash"

start_glewlwyd
judge 'grant_types_supported: authorization_code implicit
response_types_supported: id_token client_credentials
client credentials: 200' "$(
    curl -s "$url/.well-known/openid-configuration" | python3 -c '
import json, sys
document = json.load(sys.stdin)
for name in ("grant_types_supported", "response_types_supported"):
    print(name + ":", *document[name])'
    curl -s -o "$work/body" -w 'client credentials: %{http_code}\n' "$url/token" -d grant_type=client_credentials -d client_id=c \
        -d client_secret=secret -d scope=run
)"
