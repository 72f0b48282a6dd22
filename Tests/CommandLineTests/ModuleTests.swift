import Foundation
import TestSupport
import Testing

/// The scripts of `Tests/Lua`, which test a module each as users see it. Each runs in a process of its own, as a process has
/// one request to stop, and other tests make them.
@Suite struct ModuleTests {
    private static let folder = Places.package + "/Tests/Lua"
    /// What the scripts share is no test.
    private static let scripts =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter {
            $0.hasSuffix(".lua") && !$0.hasPrefix("small_") && !["harness.lua", "run.lua"].contains($0)
        }.sorted()

    @Test func thereAreTestsOfEveryModule() {
        #expect(
            Self.scripts == [
                "classifier.lua", "dataset.lua", "evaluation.lua", "image.lua", "language.lua", "leaderboard.lua",
                "llmcxr.lua",
                "metric.lua", "model.lua", "pipeline.lua", "plot.lua", "privacy.lua", "reports.lua", "sandbox.lua",
                "tensor.lua", "vision_language.lua",
            ])
    }

    @Test(arguments: scripts)
    func module(script: String) throws {
        let folder = try Scratch()
        if script == "pipeline.lua" { Study.makePipelineFolders(in: folder) }
        if script == "llmcxr.lua" {
            for name in ["language", "vqgan"] { mkdir("\(folder.path)/\(name)", 0o755) }
        }
        // A film of 16 bits, which scripts cannot make.
        if ["llmcxr.lua", "vision_language.lua"].contains(script) {
            try FileManager.default.copyItem(
                atPath: Places.fixtures("imaging/files/gray_16.png"), toPath: folder.path + "/deep.png")
        }
        let outcome = try Child.run(
            ["run", "\(Self.folder)/\(script)", "--allow-write", folder.path, folder.path], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
    }

    /// `run.lua` is an experiment; what it recorded stands in the results when it has ended.
    @Test func experiment() throws {
        let folder = try Scratch()
        let outcome = try Child.run(["run", "\(Self.folder)/run.lua", "--out", "run", "--quiet"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(
            try folder.text("run/results.csv") == "b,a,c,d\n2,0.1,\"x, \"\"y\"\"\",True\ninf,-0.0,\"two\nlines\",\n")
    }
}
