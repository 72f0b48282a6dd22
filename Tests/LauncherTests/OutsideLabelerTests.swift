import ChexGenLua
import Encoders
import Engine
import Identity
import Launcher
import LuaRuntime
import Tensors
import TestSupport
import Testing

/// A labeler from outside the program: what a report is long for.
private final class Lengths: FindingLabeler {
    static let entry = LabelerRegistry.Entry(
        about: "the length of a report", weights: ("none/lengths", "lengths.bin"), tokenizer: "none/tokens"
    ) { weights, _, compute in Lengths(weights, compute.dtype) }

    let name = "lengths"
    let dtype: DType
    let device = DeviceKind.cpu
    let files: [(file: String, sha256: String)]

    init(_ weights: String, _ dtype: DType) {
        self.dtype = dtype
        files = [(weights, "00")]
    }

    func labels(_ texts: [String]) throws -> Tensor {
        try Tensor(texts.flatMap { [Int64](repeating: Int64($0.count), count: 14) }, shape: [texts.count, 14])
    }
}

@Suite struct OutsideLabelerTests {
    /// The function, its texts and the class of what it gives know it.
    @Test func aLabelerIsAFileAndAnEntry() throws {
        let scratch = try Scratch()
        try scratch.write("lengths.bin", "x")
        var known = KnownModels()
        try known.labelers.add("lengths", Lengths.entry)
        let session = try Session(LuaOptions(), known: known)
        defer { session.host.close() }
        let function = session.context.modules.flatMap(\.functions).first { $0.name == "labeler" }
        #expect(function?.parameters.first?.text.contains("`lengths` (the length of a report)") == true)
        let values = try session.host.run(
            """
            local model = require "chexgen.model"
            local labeler = model.labeler("lengths", { weights = "\(scratch.path)/lengths.bin", tokenizer = "\(scratch.path)" })
            local ok, message = pcall(model.labeler, "lengths")
            return labeler.name, message, labeler:labels({ "four", "seventeen letters" })[2][1]:item()
            """, name: "labeler")
        #expect(values.first?.stringValue == "lengths" && values.last?.integerValue == 17)
        #expect(values.dropFirst().first?.stringValue?.contains("none/lengths") == true)
    }
}
