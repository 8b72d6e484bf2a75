"""Calls services with zeep, as an information system of another maker would.

Reads one job as JSON from standard input and prints what it got. What a job and
a result hold is told by the types job and result of the test.
"""
import json
import os
import sys
import time
from urllib.parse import urlparse

import zeep
from zeep.helpers import serialize_object
from zeep.transports import Transport

job = json.load(sys.stdin)


class LocalSchemas(Transport):
    """Takes the X-Road schemas from the folder at hand: nothing leaves this machine."""

    def load(self, url):
        if url.startswith("http://x-road.eu/"):
            with open(os.path.join(job["catalogue"], os.path.basename(url)), "rb") as f:
                return f.read()
        if urlparse(url).hostname not in (None, "127.0.0.1"):
            raise ValueError("not on this machine: " + url)
        return super().load(url)


def identifier(kind, parts):
    names = ["xRoadInstance", "memberClass", "memberCode", "subsystemCode", "serviceCode", "serviceVersion"]
    return {"objectType": kind, **{n: p for n, p in zip(names, parts) if p}}


client = zeep.Client(job["wsdl"], transport=LocalSchemas())
binding = next(iter(next(iter(client.wsdl.services.values())).ports.values())).binding
service = client.create_service(binding.name, job["endpoint"])


def make(call):
    header = {
        "client": identifier("SUBSYSTEM", job["client"]),
        "service": identifier("SERVICE", job["provider"] + [call["operation"], call["version"]]),
        "id": call["id"],
        "userId": call["user_id"],
        "issue": call["issue"],
        "protocolVersion": "4.0",
    }
    return service[call["operation"]](_soapheaders=header, **call["body"])


if job.get("repeat"):  # a benchmark: the first call, so many times, after half as many to warm up
    for i in range(-(job["repeat"] // 2), job["repeat"]):
        if i == 0:
            began, spent = time.perf_counter(), time.process_time()
        if make(job["calls"][0]).body.response.kannete_jada.kanne[0].ta_kood != "12345678":
            raise ValueError("another answer")
    n = job["repeat"] / 1e6
    print(json.dumps({
        "cpu_us": (time.process_time() - spent) / n, "wall_us": (time.perf_counter() - began) / n,
        "version": "zeep %s (Python %s)" % (zeep.__version__, sys.version.split()[0]),
    }))
    sys.exit()

results = []
for call in job["calls"]:
    try:
        answer = make(call)
        results.append({"header": serialize_object(answer.header, dict), "body": serialize_object(answer.body, dict)})
    except zeep.exceptions.Fault as fault:
        results.append({"fault": {"code": fault.code, "string": fault.message}})
print(json.dumps({"operations": sorted(binding.all()), "results": results}, default=str))
