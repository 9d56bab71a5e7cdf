/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/scripts.c - the completion scripts. Each asks the program itself for every word. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char bash[] =
	"# bash completion for fairlead\n"
	"_fairlead() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} line\n"
	"\tlocal words=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
	"\tCOMPREPLY=()\n"
	"\t# The shell takes names like tag:ci apart at the colon; put the parts together again.\n"
	"\tlocal joined=() part glue=\n"
	"\tfor part in \"${words[@]}\" \"$cur\"; do\n"
	"\t\t[[ $part == = ]] && continue\n"
	"\t\tif [[ ($part == : || -n $glue) && ${#joined[@]} -gt 0 ]]; then\n"
	"\t\t\tjoined[${#joined[@]}-1]+=$part\n"
	"\t\t\t[[ $part == : ]] && glue=1 || glue=\n"
	"\t\telse\n"
	"\t\t\tjoined+=(\"$part\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tlocal whole=${joined[${#joined[@]}-1]}\n"
	"\tlocal cut=${whole%\"${whole##*:}\"}\n"
	"\twhile IFS=$'\\t' read -r line _; do\n"
	"\t\tCOMPREPLY+=(\"${line#\"$cut\"}\")\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete \"${joined[@]}\" 2>/dev/null)\n"
	"}\n"
	"complete -o default -F _fairlead fairlead\n";

static const char zsh[] =
	"#compdef fairlead\n"
	"# zsh completion for fairlead\n"
	"_fairlead() {\n"
	"\tlocal -a found\n"
	"\tlocal line word about\n"
	"\twhile IFS=$'\\t' read -r word about; do\n"
	"\t\tline=${word//:/\\\\:}\n"
	"\t\t[[ -n $about ]] && line+=\":$about\"\n"
	"\t\tfound+=(\"$line\")\n"
	"\tdone < <(\"${words[1]}\" __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\tif (( ${#found} )); then\n"
	"\t\t_describe -t values fairlead found\n"
	"\telse\n"
	"\t\t_files\n"
	"\tfi\n"
	"}\n"
	"if [[ $funcstack[1] == _fairlead ]]; then\n"
	"\t_fairlead \"$@\"\n"
	"else\n"
	"\tcompdef _fairlead fairlead\n"
	"fi\n";

static const char fish[] =
	"# fish completion for fairlead\n"
	"function __fairlead_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tset -l program $words[1]\n"
	"\tset -e words[1]\n"
	"\t$program __complete $words 2>/dev/null\n"
	"end\n"
	"complete -c fairlead -f -n 'test (count (__fairlead_complete)) -gt 0' -a "
	"'(__fairlead_complete)'\n"
	"complete -c fairlead -F -n 'test (count (__fairlead_complete)) -eq 0'\n";

/* The script is for the name that the program has. */
static void print_for(const char *text, const char *name)
{
	static const char word[] = "fairlead";

	for (const char *at; (at = strstr(text, word)) != NULL; text = at + sizeof word - 1)
		printf("%.*s%s", (int)(at - text), text, name);
	fputs(text, stdout);
}

int fl_cmd_completion(struct fl_cli *c)
{
	static const struct {
		const char *shell, *text;
	} scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		if (strcmp(scripts[i].shell, c->args.word[0]) == 0) {
			print_for(scripts[i].text, fl_cli_name(c));
			return FL_EXIT_DONE;
		}
	}
	return fl_cli_fail(c, FL_EXIT_USAGE, "It is one of bash, zsh and fish.",
			   "no completion for '%s'", c->args.word[0]);
}
