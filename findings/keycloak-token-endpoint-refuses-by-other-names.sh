#!/usr/bin/env bash
# Keycloak 26.7.3, token endpoint: what is wrong with a request is often told as something else.
#   - A body that is not a form (JSON) is not 415 but 400 "Missing form parameter: grant_type".
#   - A parameter that means nothing to it, sent twice, is 400 "duplicated parameter".
#   - An empty `scope` is not as good as none (RFC 6749, 3.3, leaves it out) but 400 "Invalid scopes: ".
#   - A secret in a Basic header that was not form-encoded and has a percent sign is 400 "Unexpected error".
#   - A method that it does not have is 405 without the header `Allow` (RFC 9110, 15.5.6, demands it).
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

start_keycloak <<'END'
{"realm": "finding", "enabled": true, "clients": [
  {"clientId": "service", "secret": "50%-s", "serviceAccountsEnabled": true}
]}
END

told() { ask_token "$@" | python3 -c '
import json, sys
body, status = sys.stdin.read().rsplit("\n", 2)[:2]
said = json.loads(body)
print(status, *filter(None, (said.get("error", "token"), said.get("error_description", "").strip())))'; }

good=(-d grant_type=client_credentials -d client_id=service --data-urlencode 'client_secret=50%-s')
seen=$(
    echo "form: $(told "${good[@]}")"
    echo "JSON: $(told -H 'Content-Type: application/json' -d '{"grant_type":"client_credentials"}')"
    echo "twice: $(told "${good[@]}" -d x=1 -d x=2)"
    echo "empty scope: $(told "${good[@]}" -d scope=)"
    echo "plain Basic: $(told -u 'service:50%-s' -d grant_type=client_credentials)"
    echo "Allow: $(curl -s -o "$work/found" -D - "$url/realms/finding/protocol/openid-connect/token" | grep -ci '^allow:' || true)"
)
judge "form: 200 token
JSON: 400 invalid_request Missing form parameter: grant_type
twice: 400 invalid_request duplicated parameter
empty scope: 400 invalid_scope Invalid scopes:
plain Basic: 400 unauthorized_client Unexpected error when authenticating client
Allow: 0" "$seen"
