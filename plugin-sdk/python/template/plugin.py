"""{{name}}: a hookyard plugin."""

import hookyard
from hookyard import log
{% for module in modules %}import {{module}}
{% endfor %}
{{handlers}}
