"""{{name}}: a hookyard plugin."""

import hookyard
from hookyard import log

{{handlers}}
