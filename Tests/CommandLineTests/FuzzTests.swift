import Foundation
import TestSupport
import Testing

/// Random calls of everything that scripts can call: see `Tests/Lua/fuzz/calls.lua`.
@Suite struct FuzzTests {
    @Test(arguments: [300, 40])
    func randomCallsEndInResultsOrErrors(megabytes: Int) throws {
        let seed = Int.random(in: 1...1_000_000_000)
        let folder = try Scratch()
        let outcome = try Child.run(
            [
                "run", Places.package + "/Tests/Lua/fuzz/calls.lua", "--limit-memory", "\(megabytes)",
                "--limit-seconds", "60", "--allow-write", ".", "\(seed)", "4", "trail",
            ], in: folder)
        let trail = (try? folder.text("trail")) ?? ""
        // A limit may end it; no signal does.
        #expect(outcome.status == 0 || outcome.errors.contains("limit"), "seed \(seed), \(trail)\(outcome.text)")
        #expect(outcome.status < 128, "seed \(seed), \(trail)\(outcome.text)")
        #expect(outcome.output.contains("seed \(seed)"))
    }
}
