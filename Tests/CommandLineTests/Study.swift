import Foundation
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
            let source = "\(packageRoot)/Tests/\(file)"
            let name = (file as NSString).lastPathComponent
            try FileManager.default.copyItem(atPath: source, toPath: "\(folder.path)/\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/chexgen", withDestinationPath: packageRoot + "/lua/chexgen")
        let outcome = try Child.run(["run", "inputs.lua", "--allow-write", ".", folder.path], in: folder)
        try #require(outcome.status == 0, "\(outcome.text)")
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
            experiment: \(packageRoot)/experiments/fidelity.lua
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
