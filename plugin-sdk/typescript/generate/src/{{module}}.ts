{% from "_macros.j2" import case, docs, type %}
// {{ mark }} from {{ package.id }}; changes belong into the WIT.
{{ package.docs|comment("// ") }}
import type * as types from "./{{ package.module }}.ts";
{% for def in package.types %}

{{ docs(def.docs) -}}
{% if def.kind == "record" %}
export interface {{ def.name|pascal }} {
{% for field in def.fields %}
{{ docs(field.docs, "  ") -}}
{{ "  " }}{{ field.name|camel }}: {{ type(field.type) }};
{% endfor %}
}
{% elif def.kind == "flags" %}
export interface {{ def.name|pascal }} {
{% for flag in def.cases %}
{{ docs(flag.docs, "  ") -}}
{{ "  " }}{{ flag.name|camel }}: boolean;
{% endfor %}
}
{% else %}
export type {{ def.name|pascal }} =
{% for one in def.cases %}
{{ docs(one.docs, "  ") -}}
{{ "  " }}| {% if def.kind == "enum" %}"{{ one.name }}"{% else %}{{ case(one.name, one.type) }}{% endif %}{% if loop.last %};{% endif %}

{% endfor %}
{% endif %}
{% endfor %}

declare module "@hookyard/plugin" {
  interface Events {
{% for handler in package.handlers %}
{{ docs(handler.docs, "    ") -}}
{{ "    " }}"{{ handler.event }}": {{ type(handler.payload, "types.") }};
{% endfor %}
  }
}
