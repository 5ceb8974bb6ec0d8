// The begin and end of a call, for the exports and the capabilities.
#pragma once
#include <hookyard/handler.h>

// Begins a call after its arguments are in memory, and ends it after its results are.
void hy_call_begins(void);
void hy_call_ends(void);

// Registers a function that runs when the call ends, before the host reads the results, to drop handles. Each
// function is registered once.
void hy_when_call_ends(void (*function)(void));
