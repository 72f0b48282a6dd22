import Foundation
import TestSupport
import Testing

/// `generate` and `sweep` with a small pipeline: what they write, and that nothing is lost when they are stopped.
@Suite struct GenerationTests {
    /// A folder with an unbroken run of `generate.yaml` in `run`.
    private static let unbroken = Result { () -> Scratch in
        let folder = try Study.generationFolder()
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// The names of the images in a run folder.
    private func images(_ folder: Scratch, _ run: String = "run") -> [String] {
        let path = "\(folder.path)/\(run)/artifacts/images"
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".png") }
            .sorted()
    }

    private func expectUnbroken(_ folder: Scratch) throws {
        let whole = try Self.unbroken.get()
        #expect(images(folder) == images(whole))
        let tables = ["generations_with_metadata.csv", "prompt_INFO.csv"].map { "artifacts/\($0)" }
        for file in images(whole).map({ "artifacts/images/\($0)" }) + tables + ["results.csv"] {
            let isSame = try folder.data("run/\(file)") == whole.data("run/\(file)")
            #expect(isSame, "\(file)")
        }
        // Nothing else is left over but the encoded texts: those of all prompts, and the negative one.
        let left = try FileManager.default.subpathsOfDirectory(atPath: folder.path + "/run/artifacts")
        let texts = left.filter { $0.hasSuffix(".text.safetensors") }
        #expect(left.count - texts.count == images(whole).count + 4 && texts.count == 9)
    }

    @Test func namesAndTablesAreTheReferences() throws {
        let folder = try Self.unbroken.get()
        #expect(images(folder) == (1...8).map { "SyntheticImg_r0000\($0).png" })
        let real = try folder.text("real/annotations.csv").split(separator: "\n")
        let made = try folder.text("run/artifacts/generations_with_metadata.csv").split(separator: "\n")
        #expect(made.count == 9 && made[0] == real[0] + ",synthetic_filename")
        for row in 1...8 { #expect(made[row] == real[row] + ",SyntheticImg_r0000\(row).png") }
        #expect(try folder.text("run/artifacts/prompt_INFO.csv").hasPrefix("prompt,img_savename\n"))
        let results = try folder.text("run/results.csv").split(separator: "\n")
        #expect(results[0] == "image,seed,steps,guidance_scale,scheduler,lost_tokens")
        #expect(results[3].hasPrefix("SyntheticImg_r00003.png,9,4,7.5,pndm,"))
        let pins = try folder.text("run/run.yaml")
        for file in ["unet/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json", "scheduler_config.json"] {
            #expect(pins.contains(file), "\(file)")
        }
    }

    @Test(arguments: [1, 4])
    func killedRunsGoOn(count: Int) throws {
        let folder = try Study.generationFolder()
        let child = try Child(["run", "generate.yaml", "--out", "run"], in: folder)
        try #require(child.waits { images(folder).count >= count })
        child.signal(SIGKILL)
        #expect(try child.wait().status == 128 + SIGKILL)
        // What is there is whole.
        for image in images(folder) {
            #expect(try folder.data("run/artifacts/images/\(image)").suffix(8).prefix(4) == Data("IEND".utf8))
        }
        // One that is removed is made again.
        let first = try #require(images(folder).first)
        try folder.write("run/artifacts/images/.chexgen-999999999-abc.tmp", "half an image")
        try FileManager.default.removeItem(atPath: "\(folder.path)/run/artifacts/images/\(first)")
        let resumed = try Child.run(["run", "generate.yaml", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        try expectUnbroken(folder)
    }

    /// A run that is done misses what was removed of it later.
    @Test func imagesThatWereRemovedAreMadeAgain() throws {
        let folder = try Study.generationFolder()
        let first = try Child.run(["run", "generate.yaml", "--out", "run"], in: folder)
        #expect(first.status == 0, "\(first.text)")
        for name in ["images/SyntheticImg_r00003.png", "prompt_INFO.csv"] {
            try FileManager.default.removeItem(atPath: "\(folder.path)/run/artifacts/\(name)")
            let resumed = try Child.run(["run", "--resume", "run"], in: folder)
            #expect(resumed.status == 0 && resumed.text.contains("\(name) is gone"), "\(resumed.text)")
            try expectUnbroken(folder)
        }
        let again = try Child.run(["run", "--resume", "run"], in: folder)
        #expect(again.status == 0 && !again.text.contains("gone"), "\(again.text)")
    }

    /// What a log says of encoded texts, in order.
    private func encoded(_ folder: Scratch) throws -> [String] {
        try folder.text("run/run.log").matches(of: #/(\d+ texts encoded, for \d+ images)/#).map { String($0.output.1) }
    }

    @Test func textsAreEncodedOnce() throws {
        let folder = try Study.generationFolder()
        let child = try Child(["run", "generate.yaml", "--out", "run"], in: folder)
        try #require(child.waits { images(folder).count >= 2 })
        child.signal(SIGKILL)
        _ = try child.wait()
        let resumed = try Child.run(["run", "generate.yaml", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let found = try encoded(folder)
        #expect(found.first == "9 texts encoded, for 8 images" && found.last?.hasPrefix("0 texts") == true, "\(found)")

        // Of a sweep the first cell has no guidance, and so no negative text; the third one's is new.
        try FileManager.default.removeItem(atPath: folder.path + "/run")
        let sweep = try Child.run(["run", "sweep.yaml", "--out", "run"], in: folder)
        #expect(sweep.status == 0, "\(sweep.text)")
        let cells = try encoded(folder)
        #expect(cells == [4, 0, 1, 0].map { "\($0) texts encoded, for 4 images" }, "\(cells)")
    }

    @Test func interruptedRunsKeepTheImageUnderWay() throws {
        let folder = try Study.generationFolder()
        let more = ["--set", "params.steps=60", "--set", "params.subset=1"]
        let child = try Child(["run", "generate.yaml", "--out", "run"] + more, in: folder)
        try #require(child.waits { folder.has("run/artifacts/unfinished.safetensors") })
        child.signal(SIGINT)
        let stopped = try child.wait()
        #expect(stopped.status == 130, "\(stopped.text)")
        #expect(stopped.text.contains("chexgen run --resume \(folder.path)/run"), "\(stopped.text)")
        #expect(images(folder).isEmpty && folder.has("run/artifacts/unfinished.safetensors"))
        // The command that it says knows of the settings.
        let resumed = try Child.run(["run", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let again = try Child.run(["run", "generate.yaml", "--out", "again"] + more, in: folder)
        #expect(again.status == 0, "\(again.text)")
        let image = try #require(images(folder).first)
        #expect(try folder.data("run/artifacts/images/\(image)") == folder.data("again/artifacts/images/\(image)"))
        #expect(!folder.has("run/artifacts/unfinished.safetensors"))
    }

    @Test func adaptersOfTheYAMLArePinned() throws {
        let folder = try Study.generationFolder()
        let more = [
            "--set", "params.subset=1", "--set",
            "params.lora=[{path: lora.safetensors, scale: 0.5}, none.safetensors, {}]",
        ]
        let missing = try Child.run(["run", "generate.yaml", "--out", "run"] + more, in: folder)
        #expect(missing.status == 2, "\(missing.text)")
        for key in ["params.lora[1]", "params.lora[2]", "none.safetensors was not found", "params.lora[3]"] {
            #expect(missing.text.contains(key), "\(missing.text)")
        }
        let name = "lora_unet_mid_block_attentions_0_proj_in"
        let header = """
            {"\(name).lora_down.weight": {"dtype": "F32", "shape": [1, 32], "data_offsets": [0, 128]},
             "\(name).lora_up.weight": {"dtype": "F32", "shape": [32, 1], "data_offsets": [128, 256]}}
            """
        let values = (0..<64).flatMap { index in withUnsafeBytes(of: Float(index % 5)) { Array($0) } }
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        try folder.write("lora.safetensors", length + Array(header.utf8) + values)
        let only = ["--set", "params.subset=1", "--set", "params.lora={path: lora.safetensors, scale: 0.5}"]
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"] + only, in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(outcome.text.contains("LoRA at scale 0.5 on layers of unet (1)"), "\(outcome.text)")
        #expect(try folder.text("run/run.yaml").contains("lora.safetensors"))
        let image = try #require(images(folder).first)
        let isSame =
            try folder.data("run/artifacts/images/\(image)")
            == Self.unbroken.get().data("run/artifacts/images/\(image)")
        #expect(!isSame)
    }

    @Test func shardsAreTheWhole() throws {
        let folder = try Study.generationFolder()
        let whole = try Self.unbroken.get()
        var names: [String] = []
        for shard in 1...3 {
            let outcome = try Child.run(
                [
                    "run", "generate.yaml", "--out", "part\(shard)", "--set", "params.shard=\(shard)",
                    "--set", "params.shards=3",
                ], in: folder)
            #expect(outcome.status == 0, "\(outcome.text)")
            for name in images(folder, "part\(shard)") {
                names.append(name)
                let path = "artifacts/images/\(name)"
                #expect(try folder.data("part\(shard)/\(path)") == whole.data("run/\(path)"))
            }
        }
        #expect(names == images(whole))
    }

    /// The prompts of films in folders: of the text files beside them, or their names.
    @Test func promptsOfAFolder() throws {
        let folder = try Study.generationFolder()
        for (name, text) in [("a/one", "Mild edema."), ("b two", "Clear lungs."), ("c", "Mild edema.")] {
            try folder.write("films/\(name).png", [1, 2, 3])
            try folder.write("films/\(name).txt", text + "\n")
        }
        let settings = ["--set", "params.prompts={folder: films}", "--set", "params.steps=2"]
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run", "--quiet"] + settings, in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let made = try folder.text("run/artifacts/generations_with_metadata.csv")
        // A prompt that occurred before is left out.
        #expect(made.split(separator: "\n").count == 3 && made.contains("Mild edema.") && made.contains("Clear lungs."))
        let none = try Child.run(
            ["run", "generate.yaml", "--out", "none", "--set", "params.prompts={folder: films, prompts: none}"],
            in: folder)
        #expect(none.status == 2 && none.text.contains("params.prompts.prompts"), "\(none.text)")
    }

    @Test func duplicatesAreDroppedAndIdsMadeDifferent() throws {
        let folder = try Study.generationFolder()
        try folder.write("prompts.csv", "id,annotated_prompt\n7,one\n7,two\n8,one\n9,\n9,three\n")
        let outcome = try Child.run(
            ["run", "generate.yaml", "--out", "run", "--set", "params.prompts.csv=prompts.csv"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(images(folder) == ["SyntheticImg_7.png", "SyntheticImg_7_2.png", "SyntheticImg_9.png"])
        #expect(
            try folder.text("run/artifacts/prompt_INFO.csv") == """
                prompt,img_savename
                one,SyntheticImg_7.png
                two,SyntheticImg_7_2.png
                three,SyntheticImg_9.png

                """)
    }

    @Test(arguments: [
        ("params.steps=0", "steps"), ("params.width=60", "width"), ("params.scheduler=ddmi", "ddmi"),
        ("params.weights=nowhere", "nowhere was not found"), ("params.model=SD-V1-6", "SD-V1-6"),
        ("params.subset=9", "subset"), ("params.shard=2", "shard"), ("params.prompts.prompt=text", "text"),
        ("params.prompts.csv=''", "params.prompts.csv"),
        ("params.prompts.id=ids", "real/annotations.csv: no column \"ids\"; did you mean \"id\"?"),
        ("params.prompts.prompt=''", "params.prompts.prompt"),
        ("params.steps=2000", "params.steps (--set params.steps=2000): "),
        ("params.eta=3", "params.eta (--set params.eta=3): wanted 0 to 1"),
        ("params.guidance_scale=-.inf", "params.guidance_scale (--set params.guidance_scale=-.inf): "),
        ("params.overflow=cut", "params.overflow (--set params.overflow=cut): wanted \"truncate\" or \"error\""),
        ("params.lora=generate.yaml", "params.lora (--set params.lora=generate.yaml): generate.yaml: the header"),
        ("params.instruction=none", "params.instruction (--set params.instruction=none): "),
    ])
    func wrongSettingsAreNamed(setting: String, says: String) throws {
        let folder = try Study.generationFolder()
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run", "--set", setting], in: folder)
        #expect(outcome.status == 2 && outcome.errors.contains(says) && !folder.has("run"), "\(outcome.text)")
    }

    /// What any cell of a sweep would stumble on is told before the first one begins, all of it together.
    @Test func faultsOfAllCellsAreToldBeforeTheFirst() throws {
        let folder = try Study.generationFolder()
        try FileManager.default.copyItem(atPath: folder.path + "/pipeline", toPath: folder.path + "/cut")
        try folder.cut("cut/unet/diffusion_pytorch_model.safetensors", to: 5000)
        try folder.write(
            "generate.yaml",
            """
            experiment: \(Places.package)/experiments/generate.lua
            params: { weights: pipeline, prompts: { csv: real/annotations.csv }, steps: 2 }
            sweep: { scheduler: [ddim, ddmi], width: [64, 65], weights: [pipeline, cut] }

            """)
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 2 && !folder.has("run"), "\(outcome.text)")
        for problem in [
            "3 problems", "the scheduler \"ddmi\" is not known", "wanted a multiple of", "got 65",
            "cut/unet/diffusion_pytorch_model.safetensors",
            "in 2 cells, the first: scheduler=ddim width=65 weights=pipeline",
        ] {
            #expect(outcome.errors.contains(problem), "\(problem): \(outcome.errors)")
        }
    }

    @Test func whatWasMadeBeforeAnErrorStays() throws {
        let folder = try Study.generationFolder()
        let long = String(repeating: "effusion ", count: 100)
        try folder.write("prompts.csv", "id,annotated_prompt\na,one\nb,two\nc,\(long)\nd,four\n")
        let settings = ["--set", "params.prompts.csv=prompts.csv", "--set", "params.overflow=error"]
        let outcome = try Child.run(["run", "generate.yaml", "--out", "run"] + settings, in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("tokens"), "\(outcome.text)")
        #expect(images(folder) == ["SyntheticImg_a.png", "SyntheticImg_b.png"])
        let table = try folder.text("run/artifacts/generations_with_metadata.csv")
        #expect(table.hasPrefix("id,annotated_prompt,synthetic_filename\na,one,SyntheticImg_a.png\n"), "\(table)")
        #expect(!table.contains("effusion"))
        try folder.cut("pipeline/unet/diffusion_pytorch_model.safetensors", to: 5000)
        let damaged = try Child.run(["run", "generate.yaml"], in: folder)
        let isSaid = ["params.weights (", "unet/diffusion_pytorch_model.safetensors"].allSatisfy(
            damaged.errors.contains)
        #expect(damaged.status == 2 && isSaid, "\(damaged.text)")
    }

    /// What cannot fit into memory is refused before anything is made, by the configurations of the model.
    @Test func modelsThatCannotFitAreRefusedBeforeTheRun() throws {
        let folder = try Study.generationFolder()
        for file in ["generate.yaml", "sweep.yaml"] {
            let small = try Child.run(["run", file, "--check"], in: folder)
            #expect(small.status == 0 && small.text.contains("MB of memory"), "\(small.text)")
        }
        // 5 TB.
        try folder.write(
            "pipeline/text_encoder/config.json",
            """
            { "model_type": "clip_text_model", "hidden_size": 16384, "intermediate_size": 65536, "num_hidden_layers": 400,
              "num_attention_heads": 2, "vocab_size": 518 }
            """)
        for arguments in [["--check"], ["--out", "run"]] {
            let outcome = try Child.run(["run", "generate.yaml"] + arguments, in: folder)
            let isSaid = ["params.model (", "its weights take", "stream = true"].allSatisfy(outcome.errors.contains)
            #expect(outcome.status == 2 && isSaid && !folder.has("run"), "\(outcome.text)")
        }
        // So is a model of one's own, whose parts lie anywhere; its dtype may be another than the cell's.
        try folder.write(
            "mine.lua",
            """
            local model = require "chexgen.model"
            model.register("mine", { steps = 3, source = function(options)
              return { unet = options.weights .. "/unet", vae = options.weights .. "/vae", text_encoder = options.weights .. "/text_encoder",
                tokenizer = options.weights .. "/tokenizer", scheduler = { _class_name = "DDIMScheduler" } },
                { dtype = options.dtype, stream = options.stream }
            end })
            """)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let own = ["params.modules=[mine]", "params.model=mine"].flatMap { ["--set", $0] }
        for dtype in ["f32", "bf16"] {
            let outcome = try Child.run(
                ["run", "generate.yaml", "--out", "run", "--set", "dtype=\(dtype)"] + own, in: folder)
            let isSaid = ["params.model (", "its weights take", "stream = true"].allSatisfy(outcome.errors.contains)
            #expect(outcome.status == 2 && isSaid && !folder.has("run"), "\(outcome.text)")
            #expect(outcome.errors.contains("takes half") == (dtype == "f32"), "\(outcome.errors)")
        }
    }

    @Test func theWorkedExampleOfTheDocumentationRuns() throws {
        let page = try String(contentsOfFile: Places.package + "/docs/adding-a-model.md", encoding: .utf8)
        let folder = try Study.generationFolder()
        let blocks = page.matches(of: #/```(lua|yaml)\n-?-?#? ?([a-z_]+\.(?:lua|yaml))\n((?s:.*?))```/#)
        #expect(blocks.map { String($0.output.2) } == ["my_model.lua", "generate_mine.yaml"])
        for block in blocks { try folder.write(String(block.output.2), String(block.output.3)) }
        // The page's experiment lies beside the module, as a user's copy does.
        for name in ["generate.lua"] {
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/experiments/\(name)", toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(
            [
                "run", "generate_mine.yaml", "--out", "run", "--set", "params.weights=pipeline",
                "--set", "params.prompts.csv=real/annotations.csv",
            ], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(images(folder).count == 2)
        #expect(try folder.text("run/results.csv").contains(".png,"), "\(outcome.text)")
        #expect(try folder.text("run/results.csv").contains(",6,5.0,ddim,"), "\(outcome.text)")
    }

    // MARK: Sweeps

    @Test func aCellThatFailsIsMarkedAndTheOthersGoOn() throws {
        let folder = try Study.generationFolder()
        // A text that is too long stops the cells in which that is an error.
        let long = String(repeating: "effusion ", count: 100)
        try folder.write("prompts.csv", "id,annotated_prompt\na,one\nb,two\nc,\(long)\nd,four\n")
        let yaml = try folder.text("sweep.yaml").replacingOccurrences(
            of: "guidance_scale: [1.0, 5.0], steps: [2, 3]",
            with: "guidance_scale: [1.0], steps: [2, 3], overflow: [error, truncate]"
        ).replacingOccurrences(of: "prompts: { csv: real/annotations.csv }", with: "prompts: { csv: prompts.csv }")
        try folder.write("sweep.yaml", yaml)
        let outcome = try Child.run(["run", "sweep.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 1 && outcome.errors.contains("2 of 4 cells failed"), "\(outcome.text)")
        let cells = try folder.text("run/artifacts/sweep/cells.csv").split(separator: "\n")
        #expect(cells.count == 5)
        for (row, state) in [
            (1, "1,1,error,2,failed,"), (2, "2,1,truncate,2,done,"), (3, "3,1,error,3,failed,"),
            (4, "4,1,truncate,3,done,"),
        ] {
            #expect(cells[row].hasPrefix(state), "\(cells[row])")
        }
        #expect(cells[1].contains("tokens"))
        for file in ["heatmap_FRD_2.svg", "contact_sheet.png"] {
            #expect(folder.size("run/artifacts/sweep/\(file)") > 100, "\(file)")
        }
        let results = try folder.text("run/results.csv").split(separator: "\n")
        #expect(
            results.count == 3
                && results[0].hasPrefix("guidance_scale,steps,overflow,Model,Prompts cut,Tokens cut,FRD,"))
        #expect(results[1].hasPrefix("1.0,2,truncate,SD-V1-5,"))
        // Only what is not done is run again.
        let log = try folder.text("run/run.log").count
        let again = try Child.run(["run", "sweep.yaml", "--resume", "run"], in: folder)
        #expect(again.status == 1, "\(again.text)")
        let new = try folder.text("run/run.log").dropFirst(log)
        #expect(new.contains("cell guidance_scale=1.0 steps=2 overflow=error"))
        #expect(
            !new.contains("cell guidance_scale=1.0 steps=2 overflow=truncate\n") && new.contains("2 of 4 cells done"),
            "\(new)")
    }

    /// Of one picture there is no distance, but its cell is made, and stands on the sheet.
    @Test func aSweepMayMakeOnePicture() throws {
        let folder = try Study.generationFolder()
        try folder.write(
            "sweep.yaml", folder.text("sweep.yaml").replacingOccurrences(of: "subset: 4", with: "subset: 1"))
        let outcome = try Child.run(["run", "sweep.yaml", "--out", "run"], in: folder)
        #expect(outcome.status == 0, "\(outcome.text)")
        let results = try folder.text("run/results.csv").split(separator: "\n")
        #expect(results.count == 5 && results.dropFirst().allSatisfy { $0.contains("too few images") }, "\(results)")
        #expect(folder.size("run/artifacts/sweep/contact_sheet.png") > 100)
    }

    @Test func aKilledSweepGoesOn() throws {
        let folder = try Study.generationFolder()
        let child = try Child(["run", "sweep.yaml", "--out", "run"], in: folder)
        try #require(child.waits { folder.has("run/artifacts/sweep/cells.csv") })
        child.signal(SIGKILL)
        _ = try child.wait()
        let resumed = try Child.run(["run", "sweep.yaml", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.text)")
        let cells = try folder.text("run/artifacts/sweep/cells.csv").split(separator: "\n")
        #expect(cells.count == 5 && cells.dropFirst().allSatisfy { $0.contains(",done,") }, "\(cells)")
        #expect(try folder.text("run/results.csv").split(separator: "\n").count == 5)
    }
}
