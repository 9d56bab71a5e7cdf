/* SPDX-License-Identifier: BSD-3-Clause */
/* tools/linkcheck/link.c - links with one whole floor and those below it; see tools/meson.build. */
int main(void)
{
	return 0;
}
