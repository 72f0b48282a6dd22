import Foundation
import TestSupport
import Testing

/// `make install`: what lies where, and that the installed program is the same one to a run.
@Suite struct InstallTests {
    private func make(_ target: String, in folder: Scratch) throws -> Child.Outcome {
        let line =
            "make --no-print-directory -C '\(Places.package)' \(target) PROGRAM=\"$1\" DESTDIR='\(folder.path)/root' PREFIX=/usr"
        return try Child.run([], in: folder, shell: line)
    }

    /// What the documents link to is there, where they are installed and where they are written.
    @Test func linksOfDocumentsLeadSomewhere() throws {
        let folder = try Scratch()
        let made = try make("install", in: folder)
        try #require(made.status == 0, "\(made.text)")
        for root in [folder.path + "/root/usr/share/doc/chexgen", Places.package] {
            let names = ["", "docs/", "benchmarks/"].flatMap { place in
                ((try? FileManager.default.contentsOfDirectory(atPath: root + "/" + place)) ?? [])
                    .filter { $0.hasSuffix(".md") }.map { place + $0 }
            }
            #expect(names.count > 15)
            for name in names {
                let text = try String(contentsOfFile: root + "/" + name, encoding: .utf8)
                let at = (root + "/" + name as NSString).deletingLastPathComponent
                for link in text.matches(of: #/\]\(([^)\s#]+)(#[^)]*)?\)/#).map({ String($0.1) })
                where !link.contains("://") {
                    #expect(FileManager.default.fileExists(atPath: at + "/" + link), "\(name): \(link)")
                }
            }
        }
    }

    @Test func anInstalledProgramIsTheSameOne() throws {
        let folder = try Scratch()
        let made = try make("install", in: folder)
        try #require(made.status == 0, "\(made.text)")
        let share = "root/usr/share"
        for file in [
            "root/usr/bin/chexgen", "\(share)/chexgen/lua/chexgen/study.lua", "\(share)/chexgen/lua/meta/chexgen.lua",
            "\(share)/chexgen/experiments/quickstart.yaml", "\(share)/chexgen/experiments/quickstart.lua",
            "\(share)/man/man1/chexgen.1", "\(share)/bash-completion/completions/chexgen",
            "\(share)/zsh/site-functions/_chexgen", "\(share)/doc/chexgen/README.md",
            "\(share)/doc/chexgen/docs/lua.md",
            "\(share)/doc/chexgen/assets/demo.png", "\(share)/doc/chexgen/LICENSE",
        ] { #expect(folder.has(file), "\(file)") }
        let bash = try Child.run([], in: folder, shell: "bash -n \(share)/bash-completion/completions/chexgen")
        #expect(bash.status == 0, "\(bash.text)")
        #expect(try folder.text("\(share)/man/man1/chexgen.1").contains(".SS chexgen run"))

        // Through a link, from a folder that knows nothing of the checkout.
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/root/usr/bin/chexgen")
        func installed(_ words: String...) throws -> Child.Outcome {
            try Child.run(words, in: folder, shell: "shift; exec ./link \"$@\"")
        }
        let doctor = try installed("doctor")
        #expect(doctor.output.contains("\(folder.path)/root/usr/share/chexgen/lua\n"), "\(doctor.text)")
        #expect(doctor.output.contains("\(folder.path)/root/usr/share/chexgen/experiments\n"), "\(doctor.text)")
        #expect(try installed("run", "quickstart", "--check").status == 0)

        // A run that the checkout's program began is the installed one's to go on with and to repeat.
        try folder.write(
            "stop.lua",
            """
            local phantom = require "chexgen.phantom"
            return { params = { n = 0 }, run = function(run)
              if run.params.n == 2 and not io.open "go" then error "stopped on purpose" end
              run:record { n = run.params.n, limit = phantom.limits.n[1] }
            end }
            """)
        try folder.write("stop.yaml", "experiment: stop.lua\nsweep: { n: [1, 2] }\n")
        #expect(try Child.run(["run", "stop.yaml", "--out", "r", "--quiet"], in: folder).status == 1)
        try folder.write("go", "")
        let resumed = try installed("run", "--resume", "r", "--quiet")
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try folder.text("r/results.csv").split(separator: "\n").count == 3)
        #expect(try installed("show", "r").output.contains("this one"))
        let again = try Child.run(["run", "r/run.yaml", "--out", "s", "--quiet"], in: folder)
        #expect(try again.status == 0 && folder.data("s/results.csv") == folder.data("r/results.csv"), "\(again.text)")

        // Installing anew leaves nothing of an earlier version's library, which would be another one.
        try folder.write("\(share)/chexgen/lua/chexgen/old.lua", "return 1")
        #expect(try make("install", in: folder).status == 0)
        #expect(!folder.has("\(share)/chexgen/lua/chexgen/old.lua"))
        let removed = try make("uninstall", in: folder)
        #expect(removed.status == 0, "\(removed.text)")
        for file in ["root/usr/bin/chexgen", "\(share)/chexgen", "\(share)/doc/chexgen", "\(share)/man/man1/chexgen.1"]
        {
            #expect(!folder.has(file), "\(file)")
        }
    }
}
