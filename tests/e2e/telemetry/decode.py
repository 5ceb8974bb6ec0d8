"""Decodes OTLP requests with OpenTelemetry's own messages.

Reads lines `SIGNAL BASE64` from standard input, and prints one JSON document: the spans and the metrics of all of them,
with ids in hexadecimal and the attributes as objects.
"""

import base64
import json
import sys

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def value(of):
    kind = of.WhichOneof("value")
    return getattr(of, kind) if kind else None


def attributes(pairs):
    named = {pair.key: value(pair.value) for pair in pairs}
    assert len(named) == len(pairs), "an attribute comes twice"
    return named


def spans(request):
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert len(span.parent_span_id) in (0, 8)
                assert span.start_time_unix_nano <= span.end_time_unix_nano
                yield {
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "attributes": attributes(span.attributes),
                    "links": [{"trace": link.trace_id.hex(), "id": link.span_id.hex()} for link in span.links],
                    "error": span.status.message if span.status.code == Status.STATUS_CODE_ERROR else None,
                    "resource": attributes(resource_spans.resource.attributes),
                    "scope": scope_spans.scope.name,
                }


def metrics(request):
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    assert point.start_time_unix_nano <= point.time_unix_nano
                    found = {"name": metric.name, "kind": kind, "attributes": attributes(point.attributes)}
                    if kind == "histogram":
                        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                        assert sum(point.bucket_counts) == point.count
                        assert list(point.explicit_bounds) == sorted(point.explicit_bounds)
                        found |= {"count": point.count, "sum": point.sum}
                    else:
                        found["value"] = point.as_double
                    yield found


decoded = {"spans": [], "metrics": []}
for line in sys.stdin:
    signal, encoded = line.split(" ")
    body = base64.b64decode(encoded)
    if signal == "traces":
        decoded["spans"] += spans(ExportTraceServiceRequest.FromString(body))
    else:
        decoded["metrics"] += metrics(ExportMetricsServiceRequest.FromString(body))
json.dump(decoded, sys.stdout)
