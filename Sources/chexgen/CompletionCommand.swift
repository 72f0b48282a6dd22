import Foundation
import Launcher
import Runs

extension Command {
    /// `chexgen completion`.
    static let completion = Command(
        name: "completion", about: "print what completes chexgen's command line in a shell",
        arguments: [.init("bash|zsh", .choice(["bash", "zsh"]))],
        text: [
            "make install puts the scripts where both shells look for them. By hand: bash takes them by eval, in ~/.bashrc; zsh "
                + "as a file _chexgen in a folder of its fpath."
        ],
        examples: [
            ("eval \"$(chexgen completion bash)\"", "completion in this bash"),
            ("chexgen completion zsh > ~/.zfunc/_chexgen", "completion in zsh, where ~/.zfunc is in fpath"),
        ]
    ) { given in
        switch given.positional[0] {
        case "bash": print(BashCompletion.script, terminator: "")
        case "zsh": print(ZshCompletion.script, terminator: "")
        // The words that the scripts ask for when they are used.
        case "experiments": for name in ScriptLocations.experimentNames { print(name) }
        case "runs":
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
            for name in names.sorted() where RunSummary.isRun("runs/" + name) { print("runs/" + name) }
        default: throw UsageError("chexgen completion wants bash or zsh, got \"\(given.positional[0])\"")
        }
        return .done
    }
}

/// Completion for bash, made from the commands' declarations.
private enum BashCompletion {
    static var script: String {
        var kinds: [String] = []
        for command in Command.all {
            for option in command.options where option.value != nil {
                kinds.append("        \(command.name):--\(option.name)) echo '\(kind(option.kind))' ;;")
            }
            for (index, argument) in command.arguments.enumerated() {
                let isEndless = [.any, .some].contains(argument.count)
                kinds.append(
                    "        \(command.name):\(isEndless ? "[0-9]*" : String(index + 1))) echo '\(kind(argument.kind))' ;;"
                )
            }
        }
        let options = Command.all.map { command in
            let all = command.options.map { "--\($0.name)" } + ["--help"]
            return "        \(command.name)) echo '\(all.joined(separator: " "))' ;;"
        }
        return """
            # Completion of chexgen for bash, as `chexgen completion bash` prints it.

            # What a value or an argument is: COMMAND:--OPTION, or COMMAND:NUMBER of the argument.
            _chexgen_kind() {
                case $1 in
            \(kinds.joined(separator: "\n"))
                esac
            }

            _chexgen_options() {
                case $1 in
            \(options.joined(separator: "\n"))
                esac
            }

            # Files of some endings, and folders on the way to them.
            _chexgen_files() {
                local word=$1 name ending
                shift
                while IFS= read -r name; do
                    if [ -d "$name" ]; then echo "$name"; continue; fi
                    [ $# -gt 0 ] || echo "$name"
                    for ending; do case $name in *"$ending") echo "$name" ;; esac; done
                done < <(compgen -f -- "$word")
            }

            _chexgen() {
                local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} program=${COMP_WORDS[0]}
                local commands='\(Command.all.map(\.name).joined(separator: " "))' command='' place=1 option='' kind i
                COMPREPLY=()
                if [ "$COMP_CWORD" = 1 ]; then
                    COMPREPLY=($(compgen -W "$commands" -- "$word"))
                    return
                fi
                command=${COMP_WORDS[1]}
                # bash takes --out=DIR for three words.
                if [ "$word" = = ]; then word='' option=$before
                elif [ "$before" = = ]; then option=${COMP_WORDS[COMP_CWORD-2]}
                else
                    case $before in --*) [ -n "$(_chexgen_kind "$command:$before")" ] && option=$before ;; esac
                fi
                if [ -z "$option" ] && [[ $word == -* ]]; then
                    COMPREPLY=($(compgen -W "$(_chexgen_options "$command")" -- "$word"))
                    return
                fi
                for ((i = 2; i < COMP_CWORD; i++)); do
                    case ${COMP_WORDS[i]} in
                        =) ((i++)) ;;
                        --*) [ "${COMP_WORDS[i+1]}" != = ] && [ -n "$(_chexgen_kind "$command:${COMP_WORDS[i]}")" ] && ((i++)) ;;
                        *) ((place++)) ;;
                    esac
                done
                if [ -n "$option" ]; then kind=$(_chexgen_kind "$command:$option"); else kind=$(_chexgen_kind "$command:$place"); fi
                local IFS=$'\\n'
                case $kind in
                    file*) compopt -o filenames; COMPREPLY=($(IFS=' '; _chexgen_files "$word" ${kind#file})) ;;
                    folder) compopt -o filenames; COMPREPLY=($(compgen -d -- "$word")) ;;
                    run)
                        compopt -o filenames
                        COMPREPLY=($(compgen -W "$("$program" completion runs 2>/dev/null)" -- "$word"))
                        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -d -- "$word")) ;;
                    experiment)
                        compopt -o filenames
                        COMPREPLY=($(_chexgen_files "$word" .yaml .lua)
                            $(compgen -W "$("$program" completion experiments 2>/dev/null)" -- "$word")) ;;
                    command) COMPREPLY=($(compgen -W "${commands// /$IFS}" -- "$word")) ;;
                    choice*) kind=${kind#choice }; COMPREPLY=($(compgen -W "${kind// /$IFS}" -- "$word")) ;;
                esac
            }
            complete -F _chexgen chexgen

            """
    }

    private static func kind(_ kind: WordKind) -> String {
        switch kind {
        case .free: return "free"
        case .file(let endings): return (["file"] + endings).joined(separator: " ")
        case .folder: return "folder"
        case .run: return "run"
        case .experiment: return "experiment"
        case .command: return "command"
        case .choice(let words): return (["choice"] + words).joined(separator: " ")
        }
    }
}

/// Completion for zsh, made from the commands' declarations.
private enum ZshCompletion {
    static var script: String {
        let commands = Command.all.map { "        '\(quoted($0.name)):\(quoted($0.about))'" }.joined(separator: "\n")
        let cases = Command.all.map { command in
            let options = command.options.map { option -> String in
                // Options that may be given several times are harmless to offer again.
                let value = option.value.map { ":\(quoted($0)):\(action(option.kind))" } ?? ""
                return "'*--\(option.name)\(option.value == nil ? "" : "=")[\(quoted(option.text))]\(value)'"
            }
            let arguments = command.arguments.enumerated().map { index, argument -> String in
                let isEndless = [.any, .some].contains(argument.count)
                return "'\(isEndless ? "*" : String(index + 1)):\(quoted(argument.name)):\(action(argument.kind))'"
            }
            let words = options + ["'--help[tell what the command does]'"] + arguments
            return
                "                \(command.name)) _arguments \(words.joined(separator: " \\\n                    ")) ;;"
        }.joined(separator: "\n")
        return """
            #compdef chexgen
            # Completion of chexgen for zsh, as `chexgen completion zsh` prints it.

            _chexgen_runs() {
                local -a runs
                runs=(${(f)"$(_call_program runs $words_of_program completion runs 2>/dev/null)"})
                (( $#runs )) && compadd -f -a runs || _files -/
            }

            _chexgen_experiments() {
                local -a names
                names=(${(f)"$(_call_program experiments $words_of_program completion experiments 2>/dev/null)"})
                (( $#names )) && compadd -a names
                _files -g '*.(yaml|lua)'
            }

            _chexgen() {
                local curcontext=$curcontext state line words_of_program=${(q)words[1]}
                local -a commands
                commands=(
            \(commands)
                )
                _arguments -C '1:command:->command' '*::argument:->argument'
                case $state in
                    command) _describe command commands ;;
                    argument)
                        case $line[1] in
            \(cases)
                        esac ;;
                esac
            }

            if [ "$funcstack[1]" = _chexgen ]; then _chexgen "$@"; else compdef _chexgen chexgen; fi

            """
    }

    /// A text inside single quotes and `_arguments`' own syntax.
    private static func quoted(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "[", "]", ":", "\\": out += "\\\(character)"
            case "'": out += "'\\''"
            default: out.append(character)
            }
        }
        return out
    }

    private static func action(_ kind: WordKind) -> String {
        switch kind {
        case .free: return " "
        case .file(let endings):
            return endings.isEmpty ? "_files" : "_files -g \"*(\(endings.joined(separator: "|")))\""
        case .folder: return "_files -/"
        case .run: return "_chexgen_runs"
        case .experiment: return "_chexgen_experiments"
        case .command: return "(\(Command.all.map(\.name).joined(separator: " ")))"
        case .choice(let words): return "(\(words.joined(separator: " ")))"
        }
    }
}
