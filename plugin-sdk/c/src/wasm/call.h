// What happens around a call, for the exports and the capabilities.
#pragma once
#include <hookyard/handler.h>

// The beginning of a call, when its arguments are in memory already, and its end, when its results are.
void hy_call_begins(void);
void hy_call_ends(void);

// Calls a function when the call ends, before its results are read: handles of the host are given back
// there. Once for each function.
void hy_when_call_ends(void (*function)(void));
