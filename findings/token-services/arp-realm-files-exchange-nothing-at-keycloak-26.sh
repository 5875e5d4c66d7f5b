#!/usr/bin/env bash
# arp-sts-keycloak 0.2.2, whose realm file was made for Keycloak 24, at Keycloak 26.7.3: the import succeeds and every client gets
# tokens, but the gateway's exchange, without which no run starts, is refused. The client lacks the attribute
# `standard.token.exchange.enabled`; with it the exchange is still refused, because `audience` names a service that none of the
# gateway's mappers adds. Set the attribute, and give each client a mapper for each service that it calls.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

python=$(server-stub/published/python.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/make.py" <<'END'
import importlib.resources
import json
import sys

given = importlib.resources.files("arp_sts_keycloak") / "assets" / "realm-export.json"
for name in ("as-published", "with-attribute", "with-mapper"):
    realm = json.loads(given.read_text())
    realm["realm"] = name
    gateway = next(client for client in realm["clients"] if client["clientId"] == "arp-run-gateway")
    if name != "as-published":
        gateway["attributes"] = {"standard.token.exchange.enabled": "true"}
    if name == "with-mapper":
        mapper = json.loads(json.dumps(gateway["protocolMappers"][0]))
        mapper["name"] = mapper["config"]["included.client.audience"] = "arp-run-coordinator"
        gateway["protocolMappers"].append(mapper)
    with open(f"{sys.argv[1]}/{name}.json", "w") as file:
        json.dump(realm, file)
END
"$python" "$work/make.py" "$work"
cat >"$work/ask.sh" <<'END'
for realm in as-published with-attribute with-mapper; do
    ask() {
        curl -s --cacert "$KEYCLOAK_CA" "$KEYCLOAK_HTTPS/realms/$realm/protocol/openid-connect/token" \
            -d client_id=arp-run-gateway -d client_secret=arp-run-gateway-secret "$@"
    }
    token=$(ask -d grant_type=client_credentials | grep -o '"access_token":"[^"]*' | cut -d'"' -f4)
    echo "$realm: $(ask -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d "subject_token=$token" \
        -d subject_token_type=urn:ietf:params:oauth:token-type:access_token -d audience=arp-run-coordinator |
        grep -o '"error_description":"[^"]*\|"issued_token_type"')"
done
END
seen=$(server-stub/keycloak/run.sh --realm "$work/as-published.json" --realm "$work/with-attribute.json" \
    --realm "$work/with-mapper.json" bash "$work/ask.sh")
printf '%s\n' "$seen"
expected='as-published: "error_description":"Standard token exchange is not enabled for the requested client
with-attribute: "error_description":"Requested audience not available: arp-run-coordinator
with-mapper: "issued_token_type"'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
