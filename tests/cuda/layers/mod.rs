mod relu;
