build/wasm/src/store.c.o: src/store.c src/actions.h \
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
  ../../../plugin-sdk/c/include/hookyard/store.h
src/actions.h:
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
