/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/embed/as_cpp.cpp - the example, and so the header, is C++ as well. */
#include "../../examples/ship_hub.c"
