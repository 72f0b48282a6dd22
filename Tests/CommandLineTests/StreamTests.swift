import Foundation
import TestSupport
import Testing

/// Output that nobody can take (a closed descriptor, a closed pipe, a full disk) loses its text and nothing else: the exit
/// status is the documented one, and no signal ends the process.
@Suite struct StreamTests {
    /// How a shell starts the program, and whether its standard output is lost, too.
    private static let shells = [
        ("exec \"$@\" 2>/dev/full", false), ("exec \"$@\" 2>&-", false), ("exec \"$@\" <&- 2>&-", false),
        ("exec \"$@\" >&- 2>&-", true), ("exec \"$@\" >/dev/full 2>&1", true),
        // A pipe whose reader has gone before anything is written; the status goes another way.
        ("exec 3>&1; { sleep 0.1; \"$@\" 2>&4; echo $? >&3; } 4>&1 | :", true),
    ]

    /// The status of the program: that of the process, or what the shell behind the pipe printed.
    private func status(_ words: [String], in folder: Scratch, shell: String) throws -> Int32 {
        let outcome = try Child.run(words, in: folder, shell: shell)
        guard shell.contains("echo $?") else { return outcome.status }
        return Int32(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    @Test(arguments: shells)
    func theStatusStays(shell: String, losesOutput: Bool) throws {
        let folder = try Scratch()
        try folder.write("late.lua", "for i = 1, 2000 do print('line ' .. i) end error('late')")
        try folder.write(
            "pins.yaml", "experiment: pins.lua\npins: { pins.lua: \"\(String(repeating: "0", count: 64))\" }\n")
        try folder.write("pins.lua", "return { run = function(run) end }")
        for (words, wanted) in [
            (["run", "nothing.lua"], 2), (["run", "late.lua"], 1), (["nonsense"], 2), (["run", "nothing.yaml"], 2),
            (["run", "--resume"], 2), (["diff", "a", "b"], 1), (["run", "pins.yaml"], 3),
        ] as [([String], Int32)] {
            #expect(try status(words, in: folder, shell: shell) == wanted, "\(words)")
        }
        // What is printed may be the result, so that losing it is a failure; but for a reader who has read enough.
        try folder.write("prints.lua", "print 'result'")
        #expect(try status(["run", "prints.lua"], in: folder, shell: shell) == (losesOutput ? 1 : 0))
        let isPipe = shell.contains("echo $?")
        #expect(try status(["doctor"], in: folder, shell: shell) == (losesOutput && !isPipe ? 1 : 0))
    }

    /// A file that is opened while standard error is closed would get its number, and the program's messages with it.
    @Test func noFileTakesThePlaceOfAClosedStream() throws {
        let folder = try Scratch()
        try folder.write(
            "e.lua",
            "return { run = function(run) for i = 1, 50 do run:log('line %d', i) run:record { i = i } end end }")
        let outcome = try Child.run(["run", "e.lua", "--out", "r"], in: folder, shell: "exec \"$@\" <&- >&- 2>&-")
        // Where the results lie could not be printed.
        #expect(outcome.status == 1)
        #expect(try folder.text("r/run.json").contains("\"exit\": 0"))
        #expect(try folder.text("r/results.csv").split(separator: "\n").count == 51)
        let resumed = try Child.run(["run", "--resume", "r", "--quiet"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
    }

    /// Ctrl-C keeps its status, too.
    @Test func interruptionsWithoutStandardError() throws {
        let folder = try Scratch()
        try folder.write("loop.lua", "print 'ready' while true do end")
        let child = try Child(["run", "loop.lua"], in: folder, shell: "exec \"$@\" 2>/dev/full")
        try #require(child.waits { child.output.contains("ready") })
        child.signal(SIGINT)
        #expect(try child.wait().status == 130)
    }
}
