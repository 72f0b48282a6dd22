import CSupport
import Foundation
import NeuralNet
import Tensors
import Training

print("training-bench")
