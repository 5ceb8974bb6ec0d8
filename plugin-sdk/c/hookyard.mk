# Builds a plugin. Its Makefile has one line, `include sdk/hookyard.mk`, and its folder:
#   src/*.c    the plugin           make         → dist/NAME.wasm, NAME is the folder's
#   test/*.c   its tests            make test    runs them natively, with the machine's own compiler
# Settings, before the include: NAME, SOURCES, TESTS, CFLAGS (for both).
SDK := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
NAME ?= $(notdir $(CURDIR))
SOURCES ?= $(wildcard src/*.c)
TESTS ?= $(wildcard test/*.c)
CFLAGS ?=
MAKEFLAGS += --no-builtin-rules
ifeq ($(findstring jobserver,$(MAKEFLAGS)),)
MAKEFLAGS += --jobs=$(shell getconf _NPROCESSORS_ONLN)
endif

HY_HEADERS := $(wildcard $(SDK)/include/*.h $(SDK)/include/hookyard/*.h $(SDK)/libc/*.h $(SDK)/bindings/*.h \
  $(SDK)/src/*.h $(SDK)/src/*/*.h)
HY_COMMON := $(wildcard $(SDK)/src/*.c)
HY_WASM := $(HY_COMMON) $(wildcard $(SDK)/src/wasm/*.c $(SDK)/bindings/*.c $(SDK)/bindings/*.s)
HY_NATIVE := $(HY_COMMON) $(wildcard $(SDK)/src/native/*.c)
# Bindings convert pointers to types of one layout, which they check.
HY_FLAGS := -std=c11 -Wall -Wextra -I$(SDK)/include -fno-strict-aliasing

.PHONY: all test clean
all: dist/$(NAME).wasm

# ---- The plugin

# An object for each file of the SDK; the linker takes those that the plugin needs.
HY_LIBRARY := $(patsubst $(SDK)/%,build/wasm/sdk/%.o,$(HY_WASM))
HY_OBJECTS := $(patsubst %,build/wasm/%.o,$(SOURCES))
# A function, and a variable, in a section of its own: what is not used is left out. -mbulk-memory:
# copying is an instruction.
HY_WASM_FLAGS := $(HY_FLAGS) -Os -mbulk-memory -nostdlibinc -isystem $(SDK)/libc -ffunction-sections -fdata-sections
# A small stack keeps the memory that is reset after every call small; it grows down to address 0, so
# running out of it is a trap and not a silent write into data.
HY_LINK_FLAGS := --no-entry --gc-sections --stack-first -z stack-size=65536

# The compiler, found once; `make clean` forgets it.
ifneq ($(filter-out test clean check%,$(or $(MAKECMDGOALS),all)),)
include build/toolchain.mk
endif
build/toolchain.mk: $(SDK)/toolchain
	@mkdir -p $(@D)
	@$< >$@.new && mv $@.new $@

dist/$(NAME).wasm: $(HY_OBJECTS) $(HY_LIBRARY)
	@mkdir -p $(@D)
	@$(WASM_LD) $(HY_LINK_FLAGS) $(HY_OBJECTS) --start-lib $(HY_LIBRARY) --end-lib -o build/$(@F)
	@mv build/$(@F) $@
	@echo "built $@ ($$(wc -c <$@) bytes)"

# Lines are for the author's own code: a trap is reported with the function and the line.
build/wasm/%.c.o: %.c $(HY_HEADERS) build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) $(HY_WASM_FLAGS) -gline-tables-only -fdebug-compilation-dir=. $(CFLAGS) -MMD -MP -c $< -o $@

# The bindings leave the value of an option that is none as it was on the stack: here it is zero, so that
# an absent string is empty, and an absent list too.
build/wasm/sdk/%.c.o: $(SDK)/%.c $(HY_HEADERS) build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) $(HY_WASM_FLAGS) -fno-builtin -ftrivial-auto-var-init=zero -c $< -o $@

build/wasm/sdk/%.s.o: $(SDK)/%.s build/toolchain.mk
	@mkdir -p $(@D)
	@$(WASM_CC) -c $< -o $@

# ---- Its tests

HY_TEST_OBJECTS := $(patsubst %,build/native/%.o,$(SOURCES) $(TESTS))
HY_TEST_LIBRARY := $(patsubst $(SDK)/%,build/native/sdk/%.o,$(HY_NATIVE))
# Errors with memory fail the test that makes them, where the compiler can find them.
HY_SANITIZE = $(eval HY_SANITIZE := $$(shell echo 'int main(void){return 0;}' | $(CC) -x c - -fsanitize=address,undefined \
  -o /dev/null 2>/dev/null && echo -fsanitize=address,undefined -fno-sanitize-recover))$(HY_SANITIZE)

test: build/native/tests
	@$<

build/native/tests: $(HY_TEST_OBJECTS) $(HY_TEST_LIBRARY)
	@$(CC) $(HY_SANITIZE) $^ -o $@

build/native/%.c.o: %.c $(HY_HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(HY_FLAGS) $(HY_SANITIZE) -g $(CFLAGS) -MMD -MP -c $< -o $@

build/native/sdk/%.c.o: $(SDK)/%.c $(HY_HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(HY_FLAGS) $(HY_SANITIZE) -g -c $< -o $@

clean:
	rm -rf build dist

-include $(HY_OBJECTS:.o=.d) $(HY_TEST_OBJECTS:.o=.d)
