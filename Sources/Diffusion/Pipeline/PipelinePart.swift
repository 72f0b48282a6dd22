import Encoders
import Identity
import Language
import Tensors
import Tokenizers

/// A part of a pipeline that scripts can ask for by name.
public enum PipelinePart {
    /// Says what is noise.
    case denoiser(any Denoiser)
    /// Turns latents into pictures, and back.
    case autoencoder(any Autoencoder)
    /// Turns pictures into codes, and back.
    case codebook(any CodeAutoencoder)
    /// Writes codes.
    case language(any LanguageModel)
    /// Turns ids into states.
    case textEncoder(any TextEncoder)
    /// Turns texts into ids: so many of each, begin, end and padding included.
    case tokenizer(any Tokenizer, length: Int)

    /// Its network; nil for a tokenizer.
    var network: (any PartNetwork)? {
        switch self {
        case .denoiser(let part): return part
        case .autoencoder(let part): return part
        case .codebook(let part): return part
        case .language(let part): return part
        case .textEncoder(let part): return part
        case .tokenizer: return nil
        }
    }

    /// The files of its weights and sizes, with their SHA-256.
    var files: [(file: String, sha256: String)] { network?.files ?? [] }
    /// Its parameters and its folder; nil for a tokenizer, and for a network that came from no folder.
    var loaded: LoadedNetwork? { network?.loaded }
    /// What a user should know of its configuration.
    var notes: [String] { network?.notes ?? [] }

    /// What results depend on beside the files.
    var setting: String {
        if case .tokenizer(_, let length) = self { return String(length) }
        guard let network else { return "" }
        // The processor goes without saying: pictures that were begun before there was another device go on.
        return network.dtype.rawValue + (network.device == .cpu ? "" : " " + network.device.rawValue)
    }

    /// What a part does.
    public enum Role: Sendable {
        case textEncoder, denoiser, language, autoencoder, codebook, tokenizer

        /// The order of parts in lists: as a picture goes through them, tokenizers last as they are no networks.
        var rank: Int {
            switch self {
            case .textEncoder: return 0
            case .denoiser, .language: return 1
            case .autoencoder, .codebook: return 2
            case .tokenizer: return 3
            }
        }

        /// What a picture goes through while its network works.
        var phase: String {
            switch self {
            case .textEncoder, .tokenizer: return "texts"
            case .denoiser: return "denoising"
            case .language: return "writing"
            case .autoencoder, .codebook: return "decoding"
            }
        }

        /// Whether it makes what is decoded: the part that a pipeline is called by.
        public var isMaker: Bool { rank == 1 }
    }

    /// What it does.
    public var role: Role {
        switch self {
        case .denoiser: return .denoiser
        case .autoencoder: return .autoencoder
        case .codebook: return .codebook
        case .language: return .language
        case .textEncoder: return .textEncoder
        case .tokenizer: return .tokenizer
        }
    }
}

extension [String: PipelinePart] {
    /// The parts in the order of lists.
    var ordered: [PipelinePart] {
        sorted { ($0.value.role.rank, $0.key) < ($1.value.role.rank, $1.key) }.map(\.value)
    }
}

extension Adapter {
    /// Adds the products of some LoRA files to the networks of a pipeline that they may change: its denoiser or language model, and text encoders.
    package static func apply(_ adapters: [Adapter], to parts: [String: PipelinePart]) throws -> [String] {
        let networks = parts.filter { $0.value.role.rank < 2 }.compactMapValues(\.loaded)
        // Later encoders first, the denoiser last: as keys without a part's name are tried.
        let ordered = networks.sorted { ($1.key, $0.key) < ($0.key, $1.key) }
        return try apply(
            adapters,
            to: ordered.map { AdaptedPart($0.key, isTextEncoder: parts[$0.key]?.role == .textEncoder, $0.value) })
    }
}
