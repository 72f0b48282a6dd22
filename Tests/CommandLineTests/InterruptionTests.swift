import Foundation
import TestSupport
import Testing

/// Runs that are killed, interrupted or out of room lose nothing, and go on to the same bytes.
@Suite struct InterruptionTests {
    private static let script = Places.package + "/Tests/Lua/command_line/steps.lua"

    /// A folder with `steps.yaml`, and the bytes of an unbroken run of it.
    private static let unbroken = Result { () -> (folder: Scratch, results: Data) in
        let folder = try steps(isShared: true)
        let outcome = try Child.run(["run", "steps.yaml", "--out", "a", "--set", "milliseconds=0"], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return (folder, try folder.data("a/results.csv"))
    }

    private static func steps(isShared: Bool = false) throws -> Scratch {
        let folder = try Scratch(isShared: isShared)
        try folder.write(
            "steps.yaml",
            """
            experiment: \(script)
            seed: 3
            threads: 1
            params: { results: Results }
            sweep: { scale: [1.0, 2.5] }

            """)
        return folder
    }

    /// How many values a run has stored by now.
    private func stored(_ folder: Scratch) -> Int {
        var journal = (try? folder.data("run/journal")) ?? Data()
        var count = 0
        while let range = journal.range(of: Data("item/".utf8)) {
            journal = journal[range.upperBound...]
            count += 1
        }
        return count
    }

    private func resume(_ folder: Scratch) throws {
        let outcome = try Child.run(["run", "--resume", "run", "--set", "milliseconds=8"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let unbroken = try Self.unbroken.get()
        #expect(try folder.data("run/results.csv") == unbroken.results)
        #expect(try folder.text("Results/table.csv") == "Rows,Scale\n40,1.0\n40,2.5\n")
        #expect(try folder.text("run/results.jsonl").split(separator: "\n").count == 80)
    }

    @Test(arguments: [1, 17, 39, 55])
    func killedRunsGoOn(step: Int) throws {
        let folder = try Self.steps()
        let child = try Child(["run", "steps.yaml", "--out", "run"], in: folder)
        try #require(child.waits { stored(folder) >= step })
        child.signal(SIGKILL)
        #expect(try child.wait().status == 128 + SIGKILL)
        // What is there is whole.
        for line in (try? folder.text("run/results.jsonl").split(separator: "\n")) ?? [] {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
        try resume(folder)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func interruptedRunsSayHowToGoOn(signal: Int32) throws {
        let folder = try Self.steps()
        let child = try Child(["run", "steps.yaml", "--out", "run"], in: folder)
        try #require(child.waits { stored(folder) >= 5 })
        child.signal(signal)
        let outcome = try child.wait()
        #expect(outcome.status == 130)
        #expect(outcome.text.contains("interrupted") && outcome.text.contains("--resume"), "\(outcome.text)")
        #expect(!outcome.text.contains("traceback") && !outcome.text.contains("stopped:"), "\(outcome.text)")
        #expect(try folder.text("run/run.json").contains("interrupted"))
        try resume(folder)
    }

    @Test func aRunThatIsGoingOnIsNotTakenOver() throws {
        let folder = try Self.steps()
        let child = try Child(["run", "steps.yaml", "--out", "run"], in: folder)
        try #require(child.waits { stored(folder) >= 1 })
        let second = try Child.run(["run", "--resume", "run"], in: folder)
        #expect(second.status == 1 && second.errors.contains("is working on this run"), "\(second.text)")
        child.signal(SIGKILL)
        _ = try child.wait()
    }

    @Test func aResumedRunMustBeTheSame() throws {
        let folder = try Self.steps()
        let child = try Child(["run", "steps.yaml", "--out", "run"], in: folder)
        try #require(child.waits { stored(folder) >= 1 })
        child.signal(SIGKILL)
        _ = try child.wait()
        let outcome = try Child.run(["run", "steps.yaml", "--resume", "run", "--set", "seed=4"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("seed"), "\(outcome.text)")
    }

    @Test func theSameAgainFromRunYAML() throws {
        let (folder, results) = try Self.unbroken.get()
        let outcome = try Child.run(["run", "a/run.yaml", "--out", "again", "--set", "results=''"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try folder.data("again/results.csv") == results)
    }

    /// A limit on the size of files stands for a full disk: both are errors of a write in the middle of a file.
    @Test(arguments: [1, 2, 4])
    func aFullDiskLeavesNoHalfResults(kilobytes: Int) throws {
        let folder = try Self.steps()
        let shell = "ulimit -f \(kilobytes * 2) && exec \"$@\""
        let outcome = try Child.run(
            ["run", "steps.yaml", "--out", "run", "--quiet", "--set", "milliseconds=0"], in: folder, shell: shell)
        #expect(outcome.status == 1, "\(outcome.text)")
        #expect(outcome.errors.lowercased().contains("too large"), "\(outcome.text)")
        let whole = String(decoding: try Self.unbroken.get().results, as: UTF8.self)
        let partial = (try? folder.text("run/results.csv")) ?? ""
        #expect(partial.isEmpty || whole.hasPrefix(partial) && partial.hasSuffix("\n"))
        let table = (try? folder.text("Results/table.csv")) ?? "\n"
        #expect(table.hasSuffix("\n"))
        // There is room again. A run that could not keep anything left no folder, and says nothing of going on; another one
        // is the way out of its error.
        let isKept = folder.has("run")
        if !isKept {
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(!left.contains { $0.hasPrefix(".run") }, "\(left)")
            #expect(!outcome.text.contains("--resume"), "\(outcome.text)")
        }
        let start = isKept ? ["--resume", "run"] : ["steps.yaml", "--out", "run"]
        let again = try Child.run(["run"] + start + ["--set", "milliseconds=0"], in: folder)
        #expect(again.status == 0, "\(again.text)")
        #expect(try folder.text("run/results.csv") == whole)
    }

    /// Results that cannot be written are an error, wherever they go.
    @Test func devicesThatAreFull() throws {
        let folder = try Scratch()
        let script = try folder.write("print.lua", "for i = 1, 1000 do print(i) end")
        let outcome = try Child.run(["run", script], in: folder, shell: "exec \"$@\" > /dev/full")
        #expect(outcome.status == 1, "\(outcome.text)")
    }
}
