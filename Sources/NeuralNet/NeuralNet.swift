// The NeuralNet room.
