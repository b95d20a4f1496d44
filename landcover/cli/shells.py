"""The command that prints a script for a shell, and what that script and landcover say to each other.

A line of an answer holds a type, a value and a help text, with tabs between them. Click's own scripts know neither
values that go on without a space, nor kinds of files, nor, in Bash, that key=value is three words.
"""

import os
from collections.abc import Sequence

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)  # fmt: skip

VARIABLE = "_LANDCOVER_COMPLETE"

BASH = """\
%(complete_func)s() {
    local line type value word suffix
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word == = ]] && word=
    COMPREPLY=()
    while IFS= read -r line; do
        IFS=$'\\t' read -r type value _ <<< "$line"
        case $type in
            plain) COMPREPLY+=("$value") ;;
            open) COMPREPLY+=("$value"); compopt -o nospace ;;
            dir) compopt -o dirnames ;;
            file)
                compopt -o filenames -o default
                for suffix in $value; do
                    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*.$suffix" -- "$word")
                done
                [[ $value ]] && mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$word") ;;
        esac
    done < <(IFS=$'\\n'; env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local line
    local -a part plain open told
    for line in "${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete $words[1] 2>/dev/null)}"; do
        part=("${(@ps:\\t:)line}")
        case $part[1] in
            plain) [[ -n $part[3] ]] && told+=("${part[2]//:/\\\\:}:$part[3]") || plain+=("$part[2]") ;;
            open) open+=("$part[2]") ;;
            dir) _files -/ ;;
            file) [[ -n $part[2] ]] && _files -g "*.(${part[2]// /|})" || _files ;;
        esac
    done
    (( $#told )) && _describe -V unsorted told -U
    (( $#plain )) && compadd -U -V unsorted -a plain
    (( $#open )) && compadd -U -V unsorted -S '' -a open
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

FISH = """\
function %(complete_func)s
    for line in (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \\
        %(prog_name)s 2>/dev/null)
        set -l part (string split \\t -- $line)
        switch $part[1]
            case plain open
                printf '%%s\\t%%s\\n' $part[2] $part[3]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                if test -n "$part[2]"
                    for suffix in (string split ' ' -- $part[2])
                        __fish_complete_suffix .$suffix
                    end
                else
                    __fish_complete_path (commandline -ct)
                end
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class Answer(ShellComplete):
    """The lines that the scripts above read; of `--option=value` the whole word, of which click tells the value."""

    option = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, unfinished = super().get_completion_args()
        if unfinished.startswith("--") and "=" in unfinished:
            self.option = unfinished.partition("=")[0] + "="
        return words, unfinished

    def format_completion(self, item: CompletionItem) -> str:
        value = item.suffixes or "" if item.type in ("file", "dir") else self.option + item.value
        return "\t".join((item.type, value, (item.help or "").replace("\n", " ")))


@add_completion_class
class Bash(Answer, BashComplete):
    """To Bash `key=value` is three words, and what it replaces is the last of them."""

    name = "bash"
    source_template = BASH
    typed = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        last = int(os.environ["COMP_CWORD"])
        words = split_arg_string(os.environ["COMP_WORDS"])[: last + 1]
        words += [""] * (last + 1 - len(words))
        *whole, unfinished = _joined(words)
        if unfinished != words[-1]:
            self.typed = unfinished[: unfinished.rfind("=") + 1]
            self.option = unfinished.partition("=")[0] + "=" if unfinished.startswith("--") else ""
        return whole[1:], unfinished

    def format_completion(self, item: CompletionItem) -> str:
        kind, value, told = super().format_completion(item).split("\t")
        return "\t".join((kind, value.removeprefix(self.typed), told))


@add_completion_class
class Zsh(Answer, ZshComplete):
    name = "zsh"
    source_template = ZSH


@add_completion_class
class Fish(Answer, FishComplete):
    name = "fish"
    source_template = FISH


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def _joined(words: Sequence[str]) -> list[str]:
    """The words, with those that an equals sign stands between as one."""
    whole: list[str] = []
    for word in words:
        if whole and word and (word == "=" or whole[-1].endswith("=")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for a SHELL that completes commands, options, files and settings with the Tab key.

    \b
    A line to add, once:
    ~/.bashrc                                   eval "$(landcover completion bash)"
    ~/.zshrc, below compinit                    eval "$(landcover completion zsh)"
    ~/.config/fish/completions/landcover.fish   landcover completion fish | source

    In a virtual environment that is not active in every shell, name the program there in full; what is completed is the
    command `landcover`. Bash has to be 4.4 or newer.

    \b
    Reads:   nothing
    Writes:  nothing
    Example: landcover completion bash
    """
    root = ctx.find_root()
    click.echo(SHELLS[shell](root.command, {}, "landcover", VARIABLE).source(), nl=False)
