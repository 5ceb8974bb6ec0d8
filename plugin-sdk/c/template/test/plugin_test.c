#include <hookyard_test.h>

{{tests}}
