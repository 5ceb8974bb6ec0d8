build/wasm/src/appointments.c.o: src/appointments.c \
  ../../../plugin-sdk/c/include/hookyard/appointment_cancelled.h \
  ../../../plugin-sdk/c/include/hookyard/appointment.h \
  ../../../plugin-sdk/c/include/hookyard.h \
  ../../../plugin-sdk/c/include/hookyard/clock.h \
  ../../../plugin-sdk/c/include/hookyard/config.h \
  ../../../plugin-sdk/c/include/hookyard/handler.h \
  ../../../plugin-sdk/c/include/hookyard/text.h \
  ../../../plugin-sdk/c/include/hookyard/http.h \
  ../../../plugin-sdk/c/include/hookyard/json.h \
  ../../../plugin-sdk/c/include/hookyard/json_writer.h \
  ../../../plugin-sdk/c/include/hookyard/log.h \
  ../../../plugin-sdk/c/include/hookyard/memory.h \
  ../../../plugin-sdk/c/include/hookyard/outbox.h \
  ../../../plugin-sdk/c/include/hookyard/random.h \
  ../../../plugin-sdk/c/include/hookyard/store.h \
  ../../../plugin-sdk/c/include/hookyard/appointment_completed.h \
  ../../../plugin-sdk/c/include/hookyard/appointment_created.h \
  ../../../plugin-sdk/c/include/hookyard/appointment_updated.h \
  ../../../plugin-sdk/c/include/hookyard/appointment_validated.h
../../../plugin-sdk/c/include/hookyard/appointment_cancelled.h:
../../../plugin-sdk/c/include/hookyard/appointment.h:
../../../plugin-sdk/c/include/hookyard.h:
../../../plugin-sdk/c/include/hookyard/clock.h:
../../../plugin-sdk/c/include/hookyard/config.h:
../../../plugin-sdk/c/include/hookyard/handler.h:
../../../plugin-sdk/c/include/hookyard/text.h:
../../../plugin-sdk/c/include/hookyard/http.h:
../../../plugin-sdk/c/include/hookyard/json.h:
../../../plugin-sdk/c/include/hookyard/json_writer.h:
../../../plugin-sdk/c/include/hookyard/log.h:
../../../plugin-sdk/c/include/hookyard/memory.h:
../../../plugin-sdk/c/include/hookyard/outbox.h:
../../../plugin-sdk/c/include/hookyard/random.h:
../../../plugin-sdk/c/include/hookyard/store.h:
../../../plugin-sdk/c/include/hookyard/appointment_completed.h:
../../../plugin-sdk/c/include/hookyard/appointment_created.h:
../../../plugin-sdk/c/include/hookyard/appointment_updated.h:
../../../plugin-sdk/c/include/hookyard/appointment_validated.h:
