import Foundation
import TestSupport
import Testing

/// What the shells offer: their own programs are asked, with the script that `chexgen completion` prints.
@Suite struct CompletionTests {
    private func folder() throws -> Scratch {
        let folder = try Scratch()
        try folder.write("mine.yaml", "experiment: mine.lua\n")
        try folder.write("mine.lua", "return { run = function(run) run:record { n = 1 } end }")
        try folder.write("other.txt", "x")
        mkdir(folder.path + "/results", 0o755)
        #expect(try Child.run(["run", "mine.yaml", "--out", "runs/first", "--quiet"], in: folder).status == 0)
        return folder
    }

    /// What bash offers for a line that ends where the cursor is.
    private func bash(_ line: String, in folder: Scratch) throws -> [String] {
        let script = """
            eval "$("$1" completion bash)"
            # As bash does it, `=` is a word of its own.
            line=${2//=/ = }
            read -ra COMP_WORDS <<<"$line"
            COMP_WORDS[0]=$1
            case $2 in *' '|*=) COMP_WORDS+=('') ;; esac
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            compopt() { :; }
            _chexgen
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        try folder.write("ask.bash", script)
        let outcome = try Child.run([line], in: folder, shell: "exec bash ask.bash \"$@\"")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(line): \(outcome.text)")
        return outcome.output.split(separator: "\n").map(String.init).sorted()
    }

    @Test func bashOffersCommandsOptionsFilesAndRuns() throws {
        let folder = try folder()
        #expect(try bash("chexgen ru", in: folder) == ["run", "runs"])
        #expect(try bash("chexgen ", in: folder).contains("doctor"))
        #expect(
            try bash("chexgen run --al", in: folder) == ["--allow-changed-program", "--allow-read", "--allow-write"])
        #expect(try bash("chexgen diff --", in: folder) == ["--all", "--help"])
        #expect(try bash("chexgen run mi", in: folder) == ["mine.lua", "mine.yaml"])
        #expect(try bash("chexgen run qui", in: folder) == ["quickstart"])
        #expect(try bash("chexgen params fid", in: folder) == ["fidelity"])
        let all = try bash("chexgen run ", in: folder)
        #expect(all.contains("runs") && all.contains("mine.yaml") && !all.contains("other.txt"), "\(all)")
        #expect(try bash("chexgen show ", in: folder) == ["runs/first"])
        #expect(try bash("chexgen diff runs/first runs/f", in: folder) == ["runs/first"])
        for line in ["chexgen run --resume ", "chexgen run --resume=", "chexgen run --quiet --resume=runs/f"] {
            #expect(try bash(line, in: folder) == ["runs/first"], "\(line)")
        }
        #expect(try bash("chexgen run --out res", in: folder) == ["results"])
        #expect(try bash("chexgen run --threads 2 --out=x mi", in: folder) == ["mine.lua", "mine.yaml"])
        #expect(try bash("chexgen runs --format ", in: folder) == ["csv", "json", "text"])
        #expect(try bash("chexgen help di", in: folder) == ["diff"])
        #expect(try bash("chexgen completion z", in: folder) == ["zsh"])
        #expect(try bash("chexgen doctor x", in: folder).isEmpty)
    }

    /// zsh is asked through a terminal of its own, as it completes only there.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zsh")))
    func zshOffersCommandsOptionsFilesAndRuns() throws {
        let folder = try folder()
        mkdir(folder.path + "/functions", 0o755)
        let script = try Child.run(["completion", "zsh"], in: folder)
        try folder.write("functions/_chexgen", script.output)
        try folder.write(
            "ask.zsh",
            """
            zmodload zsh/zpty
            zpty z zsh -f -i
            send() { zpty -w z "$1" }
            send "PS1=; fpath=($PWD/functions \\$fpath); autoload -Uz compinit; compinit -u -D; path=($PWD/bin \\$path)"
            send "zstyle ':completion:*' list-separator '' ; zstyle ':completion:*' verbose no; setopt no_list_ambiguous; LISTMAX=1000"
            # What would be offered is printed between two marks.
            send "list() { compadd() { builtin compadd -O found \\"\\$@\\"; print -r -- \\"<\\$found>\\"; builtin compadd \\"\\$@\\" } }"
            send "functions[compadd]='local -a found; builtin compadd -O found \\"\\$@\\"; (( \\$#found )) && print -rl -- \\"[[\\${(j: :)found}]]\\" >>$PWD/offered; builtin compadd \\"\\$@\\"'"
            send "print ready"
            zpty -r -m z seen '*ready*'
            zpty -w -n z "$1"$'\\t'
            sleep 2
            zpty -d z
            """)
        mkdir(folder.path + "/bin", 0o755)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/bin/chexgen", withDestinationPath: Child.program)
        func offered(_ line: String) throws -> String {
            try? FileManager.default.removeItem(atPath: folder.path + "/offered")
            _ = try Child.run([line], in: folder, shell: "shift; exec zsh -f ask.zsh \"$@\"")
            return (try? folder.text("offered")) ?? ""
        }
        for (line, words) in [
            ("chexgen ru", ["run", "runs"]), ("chexgen run --allow-", ["--allow-write"]),
            ("chexgen run ", ["mine.yaml", "quickstart"]), ("chexgen show ", ["runs/first"]),
            ("chexgen runs --format=", ["csv", "json"]), ("chexgen help d", ["diff", "doctor"]),
        ] {
            let found = try offered(line)
            for word in words { #expect(found.contains(word), "\(line): \(found)") }
        }
    }

    @Test func completionWantsAShell() throws {
        let outcome = try Child.run(["completion", "fish"], in: Scratch())
        #expect(outcome.status == 2 && outcome.errors.contains("bash or zsh"), "\(outcome.text)")
        #expect(try Child.run(["completion"], in: Scratch()).status == 2)
    }
}
