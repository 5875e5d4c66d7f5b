#!/usr/bin/env bash
# FastAPI 0.115.6 with Starlette 0.41.3: a request with a malformed JSON body is answered 422 before any dependency
# runs, but one with a missing field only after all of them. An endpoint whose dependency checks an API key answers
# an unknown caller 422, 401 or 401, by how its body looks. A client must not take 422 for "the key is good".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    fastapi==0.115.6 starlette==0.41.3 pydantic==2.10.4 httpx==0.28.1 anyio==4.7.0
seen=$("$work/venv/bin/python" - <<'END'
from fastapi import Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel

app = FastAPI()


class Node(BaseModel):
    node_id: str


def nobody():
    raise HTTPException(401, "unknown key")


@app.post("/validate", dependencies=[Depends(nobody)])
def validate(node: Node):
    return node


client = TestClient(app)
for body in ('{"node_id":', '{}', '{"node_id":"kitchen"}'):
    answer = client.post("/validate", content=body, headers={"content-type": "application/json"})
    print(body, "->", answer.status_code)
END
)
printf '%s\n' "$seen"
expected='{"node_id": -> 422
{} -> 401
{"node_id":"kitchen"} -> 401'
[[ $seen == "$expected" ]] || { echo "The behaviour has changed; seen before:" "$expected" >&2; exit 1; }
