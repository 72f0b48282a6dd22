/// The feature classes that are computed, with their features under pyradiomics' names and in its order.
public enum FeatureClass: String, CaseIterable, Sendable {
    case firstorder, glcm, glrlm, glszm, ngtdm

    /// Every feature of the class. Of GLCM these are the 22 of the reference, in its order.
    public var features: [String] {
        switch self {
        case .firstorder:
            return [
                "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
                "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation",
                "RootMeanSquared", "Skewness", "TotalEnergy", "Uniformity", "Variance",
            ]
        case .glcm:
            return [
                "Autocorrelation", "JointAverage", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast",
                "Correlation", "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "JointEnergy",
                "JointEntropy", "Imc1", "Imc2", "Idm", "Idmn", "Id", "Idn", "InverseVariance", "MaximumProbability",
                "SumEntropy", "SumSquares",
            ]
        case .glrlm:
            return [
                "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
                "HighGrayLevelRunEmphasis", "LongRunEmphasis", "LongRunHighGrayLevelEmphasis",
                "LongRunLowGrayLevelEmphasis", "LowGrayLevelRunEmphasis", "RunEntropy", "RunLengthNonUniformity",
                "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance", "ShortRunEmphasis",
                "ShortRunHighGrayLevelEmphasis", "ShortRunLowGrayLevelEmphasis",
            ]
        case .glszm:
            return [
                "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance",
                "HighGrayLevelZoneEmphasis", "LargeAreaEmphasis", "LargeAreaHighGrayLevelEmphasis",
                "LargeAreaLowGrayLevelEmphasis", "LowGrayLevelZoneEmphasis", "SizeZoneNonUniformity",
                "SizeZoneNonUniformityNormalized", "SmallAreaEmphasis", "SmallAreaHighGrayLevelEmphasis",
                "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy", "ZonePercentage", "ZoneVariance",
            ]
        case .ngtdm: return ["Busyness", "Coarseness", "Complexity", "Contrast", "Strength"]
        }
    }
}

/// The numeric columns that pyradiomics writes beside the features, in its order.
enum Diagnostics {
    static let names = [
        "diagnostics_Image-original_Mean", "diagnostics_Image-original_Minimum",
        "diagnostics_Image-original_Maximum", "diagnostics_Mask-original_VoxelNum",
        "diagnostics_Mask-original_VolumeNum", "diagnostics_Image-interpolated_Mean",
        "diagnostics_Image-interpolated_Minimum", "diagnostics_Image-interpolated_Maximum",
        "diagnostics_Mask-interpolated_VoxelNum", "diagnostics_Mask-interpolated_VolumeNum",
        "diagnostics_Mask-interpolated_Mean", "diagnostics_Mask-interpolated_Minimum",
        "diagnostics_Mask-interpolated_Maximum",
    ]
}
