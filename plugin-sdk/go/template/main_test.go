package main

import (
	"strings"
	"testing"

	"hookyard/hookyardtest"{% if "moncreneau.Sample" in tests and "moncreneau" not in modules %}
	"hookyard/moncreneau"{% endif %}{% if modules %}
{% endif %}{% for module in modules %}
	"{{name}}/{{module}}"{% endfor %}
)

{{tests}}
