import Foundation
import SmallPipelines
import TestSupport
import Testing

/// `generate` and `sweep` with each family whose denoiser is a transformer, as users name them: killed and resumed, they write
/// what an unbroken run writes, to the byte.
@Suite struct FamilyTests {
    /// A family by the name that `params.model` has for it, and settings of its own.
    struct Family: CustomTestStringConvertible {
        let model: String
        let pipeline: SmallPipeline
        var settings = ""

        var testDescription: String { model }
    }

    private static let families = [
        Family(model: "pixart_sigma", pipeline: .pixArtSigma), Family(model: "sana", pipeline: .sana),
        Family(model: "SD-V3-5", pipeline: .stableDiffusion3()), Family(model: "flux", pipeline: .flux()),
        // Of two steps none would be guided.
        Family(model: "lumina", pipeline: .lumina2, settings: "cfg_trunc_ratio: 1\n  cfg_normalization: whole"),
    ]

    @Test func everyFamilyIsHere() {
        #expect(Self.families.map(\.pipeline.className) == SmallPipeline.all.map(\.className))
    }

    /// Runs an experiment unbroken into `whole`, and into `run` until it is killed as soon as a file is there; resumes that, and
    /// compares every picture and table.
    /// - Parameter last: a file that is removed before that.
    private func killAndResume(
        _ yaml: String, in folder: Scratch, at first: String, without last: String? = nil
    ) throws {
        let whole = try Child.run(["run", yaml, "--out", "whole"], in: folder)
        try #require(whole.status == 0, "\(whole.text)")
        let child = try Child(["run", yaml, "--out", "run"], in: folder)
        try #require(child.waits { folder.has("run/artifacts/\(first)") })
        child.signal(SIGKILL)
        _ = try child.wait()
        // On a busy machine the child may have been faster than the signal.
        if let last { try? FileManager.default.removeItem(atPath: "\(folder.path)/run/artifacts/\(last)") }
        let resumed = try Child.run(["run", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let made = try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/whole/artifacts")
            .filter { $0.hasSuffix(".png") || $0.hasSuffix(".csv") }
        // Tables of radiomics have the paths of the images.
        for file in made.filter({ !$0.contains("/radiomics/") }).map({ "artifacts/\($0)" }) + ["results.csv"] {
            let isSame = try folder.data("run/\(file)") == folder.data("whole/\(file)")
            #expect(isSame, "\(file)")
        }
    }

    @Test(arguments: families) func killedRunsGoOn(family: Family) throws {
        let folder = try Scratch()
        try family.pipeline.write(folder, at: "pipeline")
        try folder.write("prompts.csv", "id,annotated_prompt\na,Small left pleural effusion.\nb,No acute process.\n")
        try folder.write(
            "generate.yaml",
            """
            experiment: \(Places.package)/experiments/generate.lua
            seed: 7
            threads: 1
            params:
              model: \(family.model)
              weights: pipeline
              prompts: { csv: prompts.csv }
              steps: 2
              width: 64
              height: 48
              \(family.settings)

            """)
        let images = ["a", "b"].map { "images/SyntheticImg_\($0).png" }
        try killAndResume("generate.yaml", in: folder, at: images[0], without: images[1])
        let (first, second) = try (folder.data("run/artifacts/\(images[0])"), folder.data("run/artifacts/\(images[1])"))
        #expect(first != second)
        let results = try folder.text("run/results.csv").split(separator: "\n")
        #expect(results.count == 3 && results[1].hasPrefix("SyntheticImg_a.png,7,2,"), "\(results)")
        #expect(try folder.text("run/run.yaml").contains("transformer/diffusion_pytorch_model.safetensors"))
    }

    @Test func aKilledSweepGoesOn() throws {
        let folder = try Study.generationFolder()
        // The folder may be called as the model is.
        try SmallPipeline.flux().write(folder, at: "flux")
        // Films that are not square stand on square cells of the sheet, beside those that are not made yet.
        let settings = "model: flux\n  weights: flux\n  width: 64\n  height: 48\n"
        try folder.write(
            "sweep.yaml",
            folder.text("sweep.yaml").replacing("model: SD-V1-5\n  weights: pipeline\n", with: settings)
                .replacing("subset: 4", with: "subset: 2").replacing("steps: [2, 3]", with: "steps: [1, 2]"))
        try killAndResume("sweep.yaml", in: folder, at: "sweep/cells.csv")
        #expect(folder.has("run/artifacts/sweep/contact_sheet.png"))
        // What its rows and columns are stands in words beside it.
        let words = try folder.text("run/artifacts/sweep/contact_sheet.svg")
        for text in ["contact_sheet.png", ">guidance_scale 5<", ">steps 2<", "<title>"] {
            #expect(words.contains(text), "\(text): \(words)")
        }
        let cells = try folder.text("run/artifacts/sweep/cells.csv").split(separator: "\n")
        #expect(cells.count == 5 && cells.dropFirst().allSatisfy { $0.contains(",done,") }, "\(cells)")
    }
}
