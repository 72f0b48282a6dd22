import Foundation
import TestSupport
import Testing

/// A folder with the fidelity experiment on phantoms and a small random encoder. The inputs are made once, by the program
/// itself, and copied for each test.
enum Study {
    private static let inputs = Result { try make() }

    private static func make() throws -> Scratch {
        let folder = try Scratch(isShared: true)
        for name in ["real", "synthetic", "weights"] { mkdir("\(folder.path)/\(name)", 0o755) }
        // `require` looks beside the script, so that it finds the small encoder there.
        for file in ["Lua/command_line/inputs.lua", "Lua/small_encoder.lua"] {
            let source = "\(Places.package)/Tests/\(file)"
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(atPath: source, toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(["run", "inputs.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// The folders of a pipeline's parts; scripts cannot make folders.
    static func makePipelineFolders(in folder: Scratch, _ place: String = ".") {
        for name in ["", "unet", "vae", "text_encoder", "tokenizer", "scheduler"] {
            mkdir("\(folder.path)/\(place)/\(name)", 0o755)
        }
    }

    /// Writes a table with a column for each of the fourteen findings in place of its column of dictionaries.
    static func spreadLabels(_ table: String, to name: String, in folder: Scratch) throws {
        try folder.write(
            "spread.lua",
            """
            local dataset = require "chexgen.dataset"
            local films = dataset.csv { path = arg[1], labels = "chexpert_labels" }
            local columns, rows = {}, {}
            for _, column in ipairs(films.columns) do
              if column ~= "chexpert_labels" then columns[#columns + 1] = column end
            end
            local own = #columns
            for i, finding in ipairs(dataset.pathologies) do columns[own + i] = finding end
            for i, row in films:rows() do
              local values, labels = {}, row.labels
              for c, column in ipairs(columns) do
                values[c] = (c <= own and row[column] or c > own and labels[column]) or false
              end
              rows[i] = values
            end
            dataset.table(columns, rows):write(arg[2])

            """)
        let outcome = try Child.run(["run", "spread.lua", "--allow-write", ".", table, name], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
    }

    private static let pipelines = Result { () -> Scratch in
        let folder = try Scratch(isShared: true)
        makePipelineFolders(in: folder, "pipeline")
        mkdir("\(folder.path)/real", 0o755)
        for file in ["Lua/command_line/pipeline_inputs.lua", "Lua/small_pipeline.lua"] {
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(
                atPath: "\(Places.package)/Tests/\(file)", toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: Places.package + "/lua/chexgen")
        let outcome = try Child.run(["run", "pipeline_inputs.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
        return folder
    }

    /// A folder with a small pipeline, eight phantoms whose table has their prompts, and `generate.yaml` and `sweep.yaml`.
    static func generationFolder() throws -> Scratch {
        let source = try pipelines.get()
        let folder = try Scratch()
        for name in ["pipeline", "real"] {
            try FileManager.default.copyItem(atPath: "\(source.path)/\(name)", toPath: "\(folder.path)/\(name)")
        }
        let settings = """
            seed: 7
            threads: 1
            params:
              model: SD-V1-5
              weights: pipeline
              prompts: { csv: real/annotations.csv }
              steps: 4

            """
        try folder.write("generate.yaml", "experiment: \(Places.package)/experiments/generate.lua\n" + settings)
        try folder.write(
            "sweep.yaml",
            "experiment: \(Places.package)/experiments/sweep.lua\n"
                + settings.replacingOccurrences(of: "  steps: 4\n", with: "") + """
                      subset: 4
                      protocol: exact
                      floor_splits: 0
                      real: { csv: real/annotations.csv, image_dir: real }
                      sheet: { images: 2, size: 32 }
                    sweep: { guidance_scale: [1.0, 5.0], steps: [2, 3] }

                    """)
        return folder
    }

    /// A copy of the inputs with `study.yaml`.
    static func folder() throws -> Scratch {
        let source = try inputs.get()
        let folder = try Scratch()
        for name in ["real", "synthetic", "weights"] {
            try FileManager.default.copyItem(atPath: "\(source.path)/\(name)", toPath: "\(folder.path)/\(name)")
        }
        try folder.write(
            "study.yaml",
            """
            experiment: \(Places.package)/experiments/fidelity.lua
            seed: 7
            threads: 1
            params:
              protocol: exact
              name: phantoms
              nearest_k: 3
              bootstrap: 10
              floor_splits: 2
              kid_subsets: 5
              real: { csv: real/annotations.csv, image_dir: real, image: path }
              synthetic: { csv: synthetic/annotations.csv, image_dir: synthetic, image: path }
              encoders: { rad-dino: { weights: weights } }

            """)
        return folder
    }
}
