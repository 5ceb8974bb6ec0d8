// The plugin {{name}}.
package main

import (
	"hookyard"
	"hookyard/log"{% if "moncreneau.On" in handlers and "moncreneau" not in modules %}
	"hookyard/moncreneau"{% endif %}{% if modules %}
{% endif %}{% for module in modules %}
	"{{name}}/{{module}}"{% endfor %}
)

func main() {}

{{handlers}}
