{% from "_macros.j2" import clean, docstring, ident, type %}
# {{ mark }} from {{ package.id }}; changes belong into the WIT.
# ruff: noqa
"""
{{ clean(package.docs) or package.id }}
"""

import dataclasses as _dataclasses
import enum as _enum

from hookyard import events as _events

{% for def in package.types %}
{% set payloads = def.cases|selectattr("type")|list if def.kind == "variant" else [] %}
{% set is_open = payloads|length == 1 and payloads[0].name == "other" and payloads[0].type.kind == "string" %}

{% if def.kind == "record" %}
@_dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class {{ def.name|pascal }}:
{{ docstring(def.docs, "    ") -}}
{{ "\n" if def.docs else "" -}}
{% for field in def.fields %}
    {{ ident(field.name) }}: {{ type(field.type) }}{% if field.type.kind == "option" %} = None{% endif %}

{{ docstring(field.docs, "    ") -}}
{% endfor %}
{% if def.fields|length == 0 %}
    pass
{% endif %}

{% elif def.kind == "flags" %}
class {{ def.name|pascal }}(_enum.Flag):
{{ docstring(def.docs, "    ") -}}
{{ "\n" if def.docs else "" -}}
{% for flag in def.cases %}
    {{ flag.name|upper_snake }} = {{ 2 ** loop.index0 }}
{{ docstring(flag.docs, "    ") -}}
{% endfor %}

{% elif def.kind == "enum" or payloads|length == 0 or is_open %}
class {{ def.name|pascal }}({% if is_open %}_events.OpenEnum{% else %}_enum.StrEnum{% endif %}):
{{ docstring(def.docs, "    ") -}}
{{ "\n" if def.docs else "" -}}
{% for one in def.cases if not (is_open and one.name == "other") %}
    {{ one.name|upper_snake }} = "{{ one.name }}"
{{ docstring(one.docs, "    ") -}}
{% endfor %}

{% else %}
{% for one in def.cases %}
@_dataclasses.dataclass(frozen=True, slots=True)
class {{ def.name|pascal }}{{ one.name|pascal }}(_events.Case, case="{{ one.name }}"):
{{ docstring(one.docs, "    ") -}}
{% if one.type %}
    value: {{ type(one.type) }}
{% elif not one.docs %}
    pass
{% endif %}


{% endfor %}
{{ def.name|pascal }} = {% for one in def.cases %}{{ def.name|pascal }}{{ one.name|pascal }}{% if not loop.last %} | {% endif %}{% endfor %}

{{ docstring(def.docs, "") -}}
{% endif %}
{% endfor %}

{% for handler in package.handlers %}
{% if package.types|selectattr("name", "eq", handler.interface)|list|length == 0 %}
{{ handler.event|pascal }} = {{ type(handler.payload) }}
{{ docstring(handler.docs, "") -}}
{% endif %}
{% endfor %}

{% for handler in package.handlers %}
_events.register(
    event_type="{{ handler.event }}",
    interface="{{ handler.wit }}",
    payload={{ type(handler.payload) }},
    sample=r'{{ handler.sample_json|replace("'", "\\u0027") }}',
)
{% endfor %}
