import Foundation
import TestSupport
import Testing

/// LLM-CXR in the experiments that make images, with a small model of random weights.
@Suite("LLM-CXR in experiments") struct LLMCXRTests {
    private static let inputs = Result { () -> Scratch in
        let folder = try Scratch(isShared: true)
        for name in ["real", "language", "vqgan", "biovil"] { mkdir("\(folder.path)/\(name)", 0o755) }
        for file in ["command_line/llmcxr_inputs.lua", "small_llmcxr.lua", "small_language.lua", "small_pairs.lua"] {
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/Tests/Lua/\(file)", toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(["run", "llmcxr_inputs.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// A folder with `generate.yaml`, `sweep.yaml` and `privacy.yaml`; inputs are read where they are.
    private static func inFolder() throws -> Scratch {
        let source = try inputs.get().path
        let folder = try Scratch()
        let model = "  model: llm-cxr\n  weights: \(source)/language\n  vqgan: \(source)/vqgan\n  mask: true\n"
        func write(_ name: String, _ more: String) throws {
            try folder.write(
                "\(name).yaml",
                "experiment: \(Places.package)/experiments/\(name).lua\nseed: 7\nthreads: 1\nparams:\n" + model + more)
        }
        let prompts = "  prompts: { csv: \(source)/real/annotations.csv }\n"
        try write("generate", prompts)
        try write(
            "sweep",
            prompts + "  subset: 4\n  protocol: exact\n  floor_splits: 0\n  sheet: { images: 2, size: 32 }\n"
                + "  real: { csv: \(source)/real/annotations.csv, image_dir: \(source)/real }\nsweep: { top_p: [0.5, 1.0] }\n"
        )
        try write(
            "privacy",
            "  n: 3\n  seeds: [4, 8]\n  real: { csv: \(source)/real/annotations.csv, image_dir: \(source)/real, image: path }\n"
                + "  encoders: { patient-reid: { weights: \(source)/reid.safetensors } }\n")
        return folder
    }

    private static let unbroken = Result { () -> Scratch in
        let folder = try inFolder()
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    private func images(_ folder: Scratch) -> [String] {
        let path = "\(folder.path)/run/artifacts/images"
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".png") }
            .sorted()
    }

    @Test func generateMakesImagesWithoutSteps() throws {
        let folder = try Self.unbroken.get()
        #expect(images(folder).count == 11)
        let results = try folder.text("run/results.csv").split(separator: "\n")
        #expect(
            results.count == 12 && results[0] == "image,seed,scheduler,lost_tokens" && results[2].hasSuffix(",8,none,0")
        )
        let pins = try folder.text("run/run.yaml")
        for file in [
            "language/model.safetensors", "language/tokenizer.json", "vqgan/vqgan.yaml", "vqgan/weights.safetensors",
        ] {
            #expect(pins.contains(file), "\(file)")
        }
        #expect(try folder.text("run/run.log").contains("writing"))
    }

    @Test(arguments: [0, 3])
    func killedRunsGoOnToTheSameImages(count: Int) throws {
        let folder = try Self.inFolder()
        let child = try Child(["run", "generate.yaml", "--out", "run"], in: folder)
        try #require(
            child.waits { images(folder).count >= count && folder.has("run/artifacts/prompts/codes.safetensors") })
        child.signal(SIGKILL)
        #expect(try child.wait().status == 128 + SIGKILL)
        let resumed = try Child.run(["run", "generate.yaml", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let whole = try Self.unbroken.get()
        #expect(images(folder) == images(whole))
        for file in images(whole).map({ "artifacts/images/\($0)" }) + ["results.csv"] {
            #expect(try folder.data("run/\(file)") == whole.data("run/\(file)"), "\(file)")
        }
    }

    @Test func sweepMeasuresItsImages() throws {
        let folder = try Self.inFolder()
        let outcome = try Child.run(["run", "sweep.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(try folder.text("run/results.csv").split(separator: "\n").count == 3)
    }

    @Test func privacyLooksAtItsFilms() throws {
        let folder = try Self.inFolder()
        let outcome = try Child.run(["run", "privacy.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(images(folder) == (1...3).flatMap { ["0000\($0)_01.png", "0000\($0)_02.png"] })
        #expect(try folder.text("Results/privacy_metrics_unnamed model.csv").split(separator: "\n").count == 4)
    }

    @Test(arguments: [
        ("params.steps=20", "steps"), ("params.guidance_scale=7.5", "guidance_scale"), ("params.width=512", "width"),
        ("params.negative_prompt=x", "negative_prompt"), ("params.tiled=true", "tiled"), ("params.top_p=0", "top_p"),
        ("params.vqgan=''", "params.vqgan"), ("params.weights=''", "params.weights"),
        ("params.vqgan=nowhere", "nowhere"),
        ("params.model=SD-V1-5", "vqgan"),
    ])
    func wrongSettingsAreNamed(setting: String, says: String) throws {
        let folder = try Self.inFolder()
        let outcome = try Child.run(["run", "generate.yaml", "--set", setting], in: folder)
        #expect([1, 2].contains(outcome.status) && outcome.errors.contains(says), "\(outcome.text)")
    }

    @Test func aFolderNamesTheModelToo() throws {
        let folder = try Self.inFolder()
        let source = try Self.inputs.get().path
        let settings = [
            "--set", "params.model=\(source)/language", "--set", "params.weights=''", "--set", "params.subset=1",
        ]
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"] + settings, in: folder)
        #expect(outcome.status == 0 && images(folder).count == 1, "\(outcome.text)")
    }
}
