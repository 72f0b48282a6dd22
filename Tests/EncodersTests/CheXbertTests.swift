import Checkpoints
import Encoders
import Files
import Networks
import Tensors
import TestSupport
import Testing

/// CheXbert beside transformers' BertModel with its authors' heads (`Tests/Parity/generators/encoders_chexbert.py`).
@Suite struct CheXbertTests {
    private let root: JSON
    private let folder: Scratch

    init() throws {
        root = try JSON.read(Places.fixtures("encoders/chexbert.json"))
        folder = try Scratch()
        let words = (root["vocabulary"]?.array ?? []).compactMap(\.string)
        try folder.write("vocab.txt", words.joined(separator: "\n") + "\n")
        try save("chexbert.pth", tensors(vocabulary: words.count))
    }

    /// Weights by formula under the published file's names, with what it holds beside them.
    private func tensors(vocabulary: Int, width: Int = 128) throws -> [(name: String, tensor: Tensor)] {
        let network = try CheXbertNetwork(
            BERTTextConfiguration(
                vocabularySize: vocabulary, hiddenSize: width, mlpSize: 96, layers: 2, heads: 1, positions: 512,
                tokenTypes: 2))
        return try network.parameters.parameters.map {
            ("module." + $0.name, try weight($0.name, $0.shape, salt: "chexbert."))
        } + [
            ("module.bert.embeddings.position_ids", try Tensor.zeros([1, 512], .i64)),
            ("module.bert.pooler.dense.weight", try Tensor.zeros([width, width])),
            ("module.bert.pooler.dense.bias", try Tensor.zeros([width])),
        ]
    }

    private func save(_ name: String, _ tensors: [(name: String, tensor: Tensor)]) throws {
        try SafeTensors.write(folder.path + "/" + name, tensors, metadata: [:])
    }

    private func labeler(_ weights: String = "chexbert.pth", _ tokenizer: String = "", dtype: DType = .f32) throws
        -> CheXbert
    {
        try CheXbert(weights: folder.path + "/" + weights, tokenizer: folder.path + tokenizer, dtype: dtype)
    }

    private func texts() throws -> [String] {
        try #require(root["texts"]?.array).map { item in
            String(repeating: item.array?[0].string ?? "", count: item.array?[1].integer ?? 0)
        }
    }

    @Test func classesEqualTransformers() throws {
        let wanted = try #require(root["classes"]?.array).flatMap { ($0.array ?? []).compactMap(\.integer) }
        let texts = try texts()
        for tokenizer in ["", "/vocab.txt"] {
            let labeler = try labeler("chexbert.pth", tokenizer)
            #expect(labeler.name == "chexbert" && labeler.dtype == .f32 && labeler.files.count == 2)
            let found = try labeler.labels(texts)
            #expect(found.dtype == .i64 && found.shape == [texts.count, 14])
            #expect(try found.array(Int64.self).map(Int.init) == wanted)
            // A text has the same classes alone.
            let one = try labeler.labels([texts[5]])
            #expect(try one.array(Int64.self).map(Int.init) == Array(wanted[5 * 14..<6 * 14]))
            #expect(try labeler.labels([]).shape == [0, 14])
        }
        let rough = try labeler(dtype: .bf16).labels(texts).array(Int64.self).map(Int.init)
        #expect(zip(rough, wanted).filter { $0 != $1 }.count < wanted.count / 10)
    }

    @Test func idsEqualTransformers() throws {
        let labeler = try labeler()
        let lengths = try #require(root["lengths"]?.array).compactMap(\.integer)
        let heads = try #require(root["ids"]?.array).map { ($0.array ?? []).compactMap(\.integer) }
        for (text, (length, head)) in zip(try texts(), zip(lengths, heads)) {
            let ids = labeler.ids(text)
            #expect(ids.count == length && Array(ids.prefix(12)) == head, "\(text.prefix(40))")
        }
    }

    @Test func columnsAreInTheAlphabetsOrder() throws {
        // A head whose bias alone decides names its finding.
        for (place, finding) in CheXbert.findings.enumerated() {
            let tensors = try tensors(vocabulary: root["vocabulary"]?.array?.count ?? 0).map { name, tensor in
                guard name.contains("linear_heads") else { return (name: name, tensor: tensor) }
                let zeros = try Tensor.zeros(tensor.shape)
                if name == "module.linear_heads.\(place).bias" {
                    try zeros.withElements(Float.self) { $0[1] = 1 }
                }
                return (name: name, tensor: zeros)
            }
            try save("one.pth", tensors)
            let found = try labeler("one.pth").labels(["no"]).array(Int64.self)
            #expect(
                found.firstIndex(of: 1) == CheXbert.findings.sorted().firstIndex(of: finding) && found.reduce(0, +) == 1
            )
        }
    }

    @Test func damagedFilesAreNamed() throws {
        let count = root["vocabulary"]?.array?.count ?? 0
        let good = try tensors(vocabulary: count)
        func fails(_ part: String, _ tensors: [(name: String, tensor: Tensor)]) throws {
            try save("bad.pth", tensors)
            let text = message { _ = try labeler("bad.pth") }
            #expect(text.contains("bad.pth") && text.contains(part), "\(text)")
        }
        try fails("word_embeddings", good.filter { !$0.name.contains("word_embeddings") })
        try fails("linear_heads.3.bias", good.filter { $0.name != "module.linear_heads.3.bias" })
        try fails("linear_heads.14.bias", good + [("module.linear_heads.14.bias", Tensor.zeros([4]))])
        try fails("layer.0", good.filter { !$0.name.contains("encoder.layer.0") })
        try fails("96", tensors(vocabulary: count, width: 96).map { ($0.name, $0.tensor) })
        try fails("matrix", good.map { ($0.name, $0.name.contains("word_emb") ? try Tensor.zeros([128]) : $0.tensor) })
        try fails("tokens", tensors(vocabulary: 20))
        try save(
            "nan.pth",
            good.map { ($0.name, $0.name.hasSuffix("heads.2.bias") ? try Tensor.full([4], .number(.nan)) : $0.tensor) })
        let nan = try labeler("nan.pth")
        let answer = message { _ = try nan.labels(["no", "no"]) }
        #expect(answer.contains("text 1") && answer.contains("/nan.pth are damaged"), "\(answer)")
        try folder.write("words.txt", "[CLS]\n")
        #expect(message { _ = try labeler("chexbert.pth", "/words.txt") }.contains("vocab.txt"))
        try folder.write("text.pth", "not weights")
        #expect(message { _ = try labeler("text.pth") }.contains("text.pth"))
        #expect(message { _ = try labeler("none.pth") }.contains("none.pth"))
        #expect(message { _ = try labeler("chexbert.pth", "/none") }.contains("none"))
    }
}
