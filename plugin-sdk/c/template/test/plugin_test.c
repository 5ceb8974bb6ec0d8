#include <hookyard_test.h>
{%- if "hy_sample_appointment_" in tests and "moncreneau" not in modules %}
#include "test/moncreneau.h"
{%- endif %}
{%- for module in modules %}
#include "test/{{module}}.h"
{%- endfor %}

{{tests}}
