/* SPDX-License-Identifier: BSD-3-Clause */
/* services/metrics/process.h - metrics of the process as a whole, for every program's /metrics. */
#ifndef FL_SERVICES_METRICS_PROCESS_H
#define FL_SERVICES_METRICS_PROCESS_H

#include "base/buf.h"

/* CPU, resident memory, descriptors: process_*. */
void fl_process_metrics(struct fl_buf *b);

#endif
