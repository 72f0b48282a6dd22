import Foundation
import TestSupport
import Testing

/// Limits and Ctrl-C hold whatever runs: what asks for the request to stop ends with an error of the script, and what cannot
/// ask, such as one call of LAPACK, is ended with the process within five seconds.
@Suite struct LimitTests {
    /// Time for the machine to be slow, beside the five seconds.
    private static let slack = 4.0

    private func run(
        _ body: String, _ options: [String], in folder: Scratch
    ) throws -> (outcome: Child.Outcome, seconds: Double) {
        let script = try folder.write(
            "work.lua", "local tensor, dataset = require 'chexgen.tensor', require 'chexgen.dataset'\n" + body)
        let start = Date()
        let outcome = try Child.run(["run", script, "--threads", "1"] + options, in: folder)
        return (outcome, Date().timeIntervalSince(start))
    }

    /// Work that looks for the request: it ends in an error with the script's line.
    @Test(arguments: [
        "tensor.ones{1}:expand(1 << 40):sum()", "tensor.ones{1}:expand(1 << 40):mean()",
        "tensor.ones{1, 1}:expand(1 << 40, 3):std(1)",
        "tensor.ones({1}, 'i64'):expand(1 << 40):prod()", "tensor.ones{1}:expand(1 << 40):norm()",
        "tensor.randperm(300000000)", "tensor.randn({300000000}, tensor.generator(1))",
        "dataset.python_sample(500000000, 300000000)",
        "local a = tensor.ones({3000, 3000}, 'i64'); while true do a:matmul(a) end",
    ])
    func nativeLoopsStop(body: String) throws {
        let folder = try Scratch()
        let (outcome, seconds) = try run(body, ["--limit-seconds", "0.5"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("work.lua:2: stopped: time limit of 0.5 s"), "\(outcome.text)")
        #expect(seconds < 0.5 + 4 + Self.slack)
    }

    /// Work of a library that nothing can be asked for: the process ends.
    @Test func callsOfLibrariesAreEnded() throws {
        let folder = try Scratch()
        let body =
            "local a = tensor.rand({60, 60}, tensor.generator(1)); a = a:matmul(a)\n"
            + "local rows = {} for i = 1, 50 do rows[i] = a end\na = tensor.cat(rows, 1)\n"
            + "local rows = {} for i = 1, 50 do rows[i] = a end\na = tensor.cat(rows, 2)\na:svd() a:qr() a:svd()"
        let (outcome, seconds) = try run(body, ["--limit-seconds", "0.5"], in: folder)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("stopped: time limit"), "\(outcome.text)")
        #expect(seconds < 0.5 + 5 + Self.slack)
    }

    /// Ctrl-C ends such a call, too, says how to go on, and nothing that was computed is lost.
    @Test func interruptedLibrariesLeaveARunThatGoesOn() throws {
        let folder = try Scratch()
        try folder.write(
            "long.lua",
            """
            local tensor = require "chexgen.tensor"
            return {
              params = {},
              run = function(run)
                local value = run:once("first", function() return 17 end)
                run:record { step = 1, value = value }
                if not io.open("short") then
                  print("begun")
                  local a = tensor.eye(2600) + tensor.arange(2600) * 0.001
                  a:svd() a:svd()
                end
                run:record { step = 2, value = value }
              end,
            }

            """)
        let child = try Child(["run", "long.lua", "--out", "run", "--threads", "1"], in: folder)
        try #require(child.waits { child.output.contains("begun") })
        usleep(500_000)
        let start = Date()
        child.signal(SIGINT)
        let outcome = try child.wait()
        #expect(outcome.status == 130)
        #expect(Date().timeIntervalSince(start) < 5 + Self.slack)
        #expect(outcome.errors.contains("interrupted") && outcome.errors.contains("--resume "), "\(outcome.text)")
        try folder.write("short", "")
        let resumed = try Child.run(["run", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        #expect(try folder.text("run/results.csv") == "step,value\n1,17\n2,17\n")
    }
}
