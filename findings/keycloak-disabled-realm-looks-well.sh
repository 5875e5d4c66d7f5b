#!/usr/bin/env bash
# Keycloak 26.7.3: a realm that is disabled issues no token (403 "Realm not enabled", whether the client is right or not),
# but serves its discovery document, its keys and its description with 200. A readiness probe of these, or a client that
# takes discovery for a sign of life, sees nothing; and 403 `access_denied` reads like a fault of the client. Judge a
# token service by its token endpoint.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

start_keycloak <<'END'
{"realm": "finding", "enabled": false, "clients": [
  {"clientId": "service", "secret": "s", "serviceAccountsEnabled": true}
]}
END

status() { curl -s -o "$work/found" -w '%{http_code}' "$url/realms/finding$1"; }
told() { ask_token -d grant_type=client_credentials -d client_id=service -d "client_secret=$1" | python3 -c '
import json, sys
body, status = sys.stdin.read().rsplit("\n", 2)[:2]
said = json.loads(body)
print(status, said["error"], said["error_description"])'; }

seen=$(
    echo "realm: $(status '')"
    echo "discovery: $(status /.well-known/openid-configuration)"
    echo "keys: $(status /protocol/openid-connect/certs)"
    echo "token: $(told s)"
    echo "token by a wrong secret: $(told wrong)"
)
judge "realm: 200
discovery: 200
keys: 200
token: 403 access_denied Realm not enabled
token by a wrong secret: 403 access_denied Realm not enabled" "$seen"
