// What the event says beside its payload. Most signatures cover the body alone, and so do not prove what came in headers.
#pragma once
#include <hookyard/handler.h>

// The media type of the content that the payload was made of, as the sender wrote it, if that was no JSON:
// `application/xml; charset=utf-8`.
hy_optional hy_content_type(void);
// The value of a context attribute of a CloudEvent, such as `subject`, or of an extension.
hy_optional hy_attribute(hy_string name);
// All context attributes of a CloudEvent, sorted by name. Other events have none.
hy_pairs hy_attributes(void);
