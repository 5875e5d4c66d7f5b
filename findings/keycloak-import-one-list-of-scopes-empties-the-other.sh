#!/usr/bin/env bash
# Keycloak 26.7.3, import of a realm file: a client that names `optionalClientScopes` and no `defaultClientScopes` does
# not get the realm's default scopes for the list that it leaves out, but none: its tokens have no `aud`, no roles and an
# empty `scope`. And a realm file with one entry in `clientScopes` has none of the built-in scopes, so that this happens
# to all of its clients. Nothing is logged. Name both lists in each client, and all scopes in the realm.
# shellcheck source-path=SCRIPTDIR source=keycloak.bash
source "$(dirname "$0")/keycloak.bash"

start_keycloak <<'END'
{"realm": "finding", "enabled": true, "clients": [
  {"clientId": "neither", "secret": "s", "serviceAccountsEnabled": true},
  {"clientId": "optional-only", "secret": "s", "serviceAccountsEnabled": true, "optionalClientScopes": ["phone"]},
  {"clientId": "default-only", "secret": "s", "serviceAccountsEnabled": true, "defaultClientScopes": ["profile"]}
]}
END

# The granted scope and the audience of a client's own token.
own() {
    ask_token -d grant_type=client_credentials -d "client_id=$1" -d client_secret=s ${2+-d "scope=$2"} | python3 -c '
import base64, json, sys
said = json.loads(sys.stdin.readline())
if "error" in said:
    sys.exit(print(said["error_description"]))
claims = said["access_token"].split(".")[1]
claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
print("scope", sorted(said["scope"].split()), "aud", claims.get("aud"))'
}

seen=$(for client in neither optional-only default-only; do echo "$client: $(own $client)"; done
    echo "default-only, asked for phone: $(own default-only phone)")
judge "neither: scope ['email', 'profile'] aud account
optional-only: scope [] aud None
default-only: scope ['profile'] aud None
default-only, asked for phone: Invalid scopes: phone" "$seen"
