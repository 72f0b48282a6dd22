import Encoders
import Files
import Identity
import Imaging
import Launcher
import LuaRuntime
import Tensors
import TestSupport
import Testing

/// An encoder from outside the program: one file and one entry. Mean and extremes of grey levels, without weights.
private final class GrayLevels: Encoder {
    static let entry = EncoderEntry(
        name: "gray-levels", about: "mean and extremes of grey levels", columnEnding: " (Levels)",
        roles: [.neighbours: .init(output: "levels", columnEnding: " (Levels)")],
        weights: .init(place: "nowhere", hint: "there are none"), outputs: ["levels"],
        load: { _, compute in GrayLevels(compute.dtype) }, parameters: { _ in [] })

    let name = GrayLevels.entry.name
    let dtype: DType
    let outputs = [EncoderOutput("levels", width: 3)]
    let files: [(file: String, sha256: String)] = []
    let source = FeatureIdentity.Source.formula

    init(_ dtype: DType) { self.dtype = dtype }

    func preprocessing(_ way: Protocol) -> String { "gray" }

    func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor { try image.converted(to: .gray).tensor() }

    func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        let rows = try images.map { image -> [Float] in
            let bytes = try image.array(UInt8.self)
            let sum = bytes.reduce(0) { $0 + Int($1) }
            return [Float(sum) / Float(bytes.count), Float(bytes.min() ?? 0), Float(bytes.max() ?? 0)]
        }
        let features = try Tensor(rows.flatMap { $0 }, shape: [images.count, 3])
        return outputs.map { _ in features }
    }

    func forward(_ x: Tensor) throws -> Tensor { try embed(x) }
}

@Suite struct OutsideEncoderTests {
    /// Everything that knows encoders knows it: the list, the manual, loading, passes, and a study with its columns.
    @Test func anEncoderIsAFileAndAnEntry() throws {
        let scratch = try Scratch()
        var known = EncoderRegistry.standard
        try known.add(GrayLevels.entry)
        #expect(throws: RegistryError.self) { try known.add(GrayLevels.entry) }
        var table = "path,annotated_prompt\n"
        for index in 0..<12 {
            let pixels = (0..<400).map { UInt8(truncatingIfNeeded: $0 &* (2 * index + 1) >> 2) }
            try Image(width: 20, height: 20, mode: .gray, pixels: pixels).save("\(scratch.path)/\(index).png")
            table += "\(index).png,film \(index)\n"
        }
        try scratch.write("films.csv", table)

        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua"]
        options.writableFolders = [scratch.path]
        let session = try Session(options, encoders: known)
        defer { session.host.close() }
        let function = session.context.modules.flatMap(\.functions).first { $0.name == "encoder" }
        #expect(function?.parameters.first?.text.contains("gray-levels") == true)
        let values = try session.host.run(
            """
            local fidelity, model = require "chexgen.fidelity", require "chexgen.model"
            local row
            local table_of = { csv = "\(scratch.path)/films.csv", image_dir = "\(scratch.path)", image = "path", prompt = "annotated_prompt" }
            local run = { seed = 7, log = function() end, artifact = function(_, name) return "\(scratch.path)/" .. name end,
              record = function(_, found) row = found end }
            run.params = fidelity.params { protocol = "exact", frd = false, bootstrap = 0, floor_splits = 0, nearest_k = 3,
              real = table_of, synthetic = table_of, encoders = { ["gray-levels"] = { weights = "\(scratch.path)" } } }
            local study = fidelity.open(run)
            study:embed()
            study:record(study:measure())
            local list = model.encoders()
            return list[#list].name, row["FID (Levels)"] < 1e-6, row["Precision (Levels)"], row["KID (Levels)"] ~= nil
            """, name: "study")
        #expect(values.first?.stringValue == "gray-levels")
        #expect(values.compactMap(\.booleanValue) == [true, true])
        #expect(values.compactMap(\.numberValue) == [1])
    }
}
