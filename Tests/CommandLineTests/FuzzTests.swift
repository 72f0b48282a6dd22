import Foundation
import TestSupport
import Testing

/// Random calls of everything that scripts can call: see `Tests/Lua/fuzz/calls.lua`. `CHEXGEN_FUZZ_SEED` asks for others.
@Suite struct FuzzTests {
    @Test(arguments: [(300, 1), (40, 4)])
    func randomCallsEndInResultsOrErrors(megabytes: Int, given: Int) throws {
        let seed = ProcessInfo.processInfo.environment["CHEXGEN_FUZZ_SEED"].flatMap(Int.init) ?? given
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
