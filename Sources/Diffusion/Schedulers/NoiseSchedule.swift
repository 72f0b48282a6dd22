import Foundation
import Tensors

/// How much of the image is left at each training timestep: diffusers' betas and their running products, f32.
struct NoiseSchedule {
    /// The product of 1 - beta up to and including each timestep.
    var alphasCumprod: [Float]
    /// What stands for it before the first timestep.
    let finalAlpha: Float

    private let hasZeroSNR: Bool

    /// The schedule of a model's training.
    /// - Parameter endsAtOne: whether all of the image is left before the first timestep, `set_alpha_to_one`; else as
    ///   much as at the first timestep.
    init(_ options: NoiseOptions, endsAtOne: Bool = false) {
        var betas = Self.betas(options)
        hasZeroSNR = options.rescalesBetasToZeroSNR
        if hasZeroSNR { betas = Self.rescaledToZeroSNR(betas) }
        alphasCumprod = Self.cumulativeProduct(betas.map { 1 - $0 })
        finalAlpha = endsAtOne ? 1 : alphasCumprod[0]
    }

    /// The noise over the signal at each training timestep, of schedulers that work in sigmas.
    ///
    /// After a rescale to zero signal the last would be infinite; diffusers puts alpha-bar 2⁻²⁴ there.
    mutating func sigmas() -> [Float] {
        if hasZeroSNR { alphasCumprod[alphasCumprod.count - 1] = 0x1p-24 }
        return alphasCumprod.map { ((1 - $0) / $0).squareRoot() }
    }

    private static func betas(_ options: NoiseOptions) -> [Float] {
        if let trained = options.trainedBetas { return trained.map { Float($0) } }
        let count = options.trainTimesteps
        switch options.betaSchedule {
        case .linear: return linspace(options.betaStart, options.betaEnd, count)
        case .scaledLinear:
            return linspace(options.betaStart.squareRoot(), options.betaEnd.squareRoot(), count)
                .map { $0 * $0 }
        case .squaredCosine:
            func alphaBar(_ time: Double) -> Double {
                let cosine = cos((time + 0.008) / 1.008 * Double.pi / 2)
                return cosine * cosine
            }
            return (0..<count).map { index in
                let (from, to) = (Double(index) / Double(count), Double(index + 1) / Double(count))
                return Float(min(1 - alphaBar(to) / alphaBar(from), 0.999))
            }
        }
    }

    /// `torch.linspace` in f32: from the start up to the middle, from the end after it, each rounded once.
    static func linspace(_ start: Double, _ end: Double, _ count: Int) -> [Float] {
        let (start, end) = (Float(start), Float(end))
        if count == 1 { return [start] }
        let step = (end - start) / Float(count - 1)
        return (0..<count).map { index in
            index < count / 2
                ? start.addingProduct(step, Float(index)) : end.addingProduct(-step, Float(count - index - 1))
        }
    }

    /// `torch.cumprod` of f32, which carries the product in f64.
    private static func cumulativeProduct(_ values: [Float]) -> [Float] {
        var product = 1.0
        return values.map {
            product *= Double($0)
            return Float(product)
        }
    }

    /// Betas whose last step leaves no signal (Lin et al., arXiv 2305.08891, algorithm 1).
    private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
        var roots = cumulativeProduct(betas.map { 1 - $0 }).map { $0.squareRoot() }
        let (first, last) = (roots[0], roots[roots.count - 1])
        let factor = first / (first - last)
        roots = roots.map { ($0 - last) * factor }
        let alphas = roots.map { $0 * $0 }
        return alphas.indices.map { 1 - ($0 == 0 ? alphas[0] : alphas[$0] / alphas[$0 - 1]) }
    }
}
