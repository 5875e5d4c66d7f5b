#!/usr/bin/env python3
"""A node in the shape of today's Python one: reads its config.json, asks the auth service with httpx, prints the verdict.

python3 node.py CONFIG [CALLS]
"""

import json
import sys

import httpx


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    headers = {"X-Jarvis-App-Id": config["app_id"], "X-Jarvis-App-Key": config["app_key"]}
    body = {"node_id": config["node_id"], "node_key": config["api_key"], "service_id": config["service_id"]}
    with httpx.Client(base_url=config["auth_url"], headers=headers, verify=config["ca_file"], timeout=30) as client:
        for _ in range(calls):
            answer = client.post("/internal/validate-node", json=body)
            answer.raise_for_status()
            print(answer.text)


if __name__ == "__main__":
    main()
