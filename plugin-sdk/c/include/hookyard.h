// Write hookyard plugins in C. This header includes the whole API for handlers. The header of each event
// ("moncreneau/appointment_created.h", …, <hookyard/event.h> for any other) declares the handler to define.
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <hookyard/clock.h>
#include <hookyard/config.h>
#include <hookyard/handler.h>
#include <hookyard/http.h>
#include <hookyard/json.h>
#include <hookyard/json_writer.h>
#include <hookyard/log.h>
#include <hookyard/memory.h>
#include <hookyard/metadata.h>
#include <hookyard/outbox.h>
#include <hookyard/random.h>
#include <hookyard/store.h>
#include <hookyard/text.h>
