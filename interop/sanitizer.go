// SPDX-License-Identifier: BSD-3-Clause

package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// sanitizerEnv makes a server that is built with sanitizers write what they find into dir,
// and end at once with a code of its own. Any other server takes no notice.
func sanitizerEnv(dir string) []string {
	common := "halt_on_error=1:exitcode=66:log_path=" + filepath.Join(dir, "sanitizer")
	return []string{
		"ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:" + common,
		"UBSAN_OPTIONS=print_stacktrace=1:" + common,
		"LSAN_OPTIONS=" + common,
		"TSAN_OPTIONS=second_deadlock_stack=1:" + common,
	}
}

// sanitizerReports complains of each thing that a sanitizer wrote into dir, even where the
// process that it was found in was about to be killed.
func sanitizerReports(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "sanitizer.*"))
	for _, path := range paths {
		text, e := os.ReadFile(path)
		err = errors.Join(err, e, fmt.Errorf("a sanitizer's report:\n%s", text))
	}
	return err
}
